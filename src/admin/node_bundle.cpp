#include "admin/node_bundle.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include "admin/elf_interpreter.hpp"
#include "nsutil/bounded_read.hpp"
#include "session/name_hash.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
};

Result<std::vector<std::string>> names_in(int folder_fd) {
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(::fcntl(folder_fd, F_DUPFD_CLOEXEC, 0)));
    if (!folder) return nsutil::fail_errno("list");
    ::rewinddir(folder.get());
    std::vector<std::string> names;
    while (const auto* entry = ::readdir(folder.get()))
        if (const std::string name = entry->d_name; name != "." && name != "..") names.push_back(name);
    std::ranges::sort(names);
    return names;
}

Result<void> collect(int above_fd, const std::string& folder, std::vector<BundleFile>& files) {
    const auto name = folder.substr(folder.rfind('/') + 1);
    auto opened = nsutil::open_at(above_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return nsutil::propagate(opened, folder);
    auto names = names_in(opened->get());
    if (!names) return nsutil::propagate(names, folder);
    for (const auto& inner : *names) {
        struct stat about = {};
        if (::fstatat(opened->get(), inner.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0)
            return nsutil::fail_errno(inner);
        if (S_ISDIR(about.st_mode)) {
            if (auto done = collect(opened->get(), folder + "/" + inner, files); !done) return done;
            continue;
        }
        if (!S_ISREG(about.st_mode)) return nsutil::fail(EINVAL, folder + "/" + inner + " is no plain file");
        if (files.size() == Bundle::kFilesMost) return nsutil::fail(EFBIG, "the bundle holds too many files");
        auto content = nsutil::read_file_at(opened->get(), inner.c_str(), Bundle::kFileBytesMost);
        if (!content) return nsutil::propagate(content, folder + "/" + inner);
        files.push_back({folder, inner, std::move(*content), (about.st_mode & 0111) != 0 ? 0755U : 0644U});
    }
    return {};
}

bool holds_programs(std::string_view folder) {
    return folder == "sbin" || folder.starts_with("libexec/");
}

/// Where SELinux confines request-key, it may run and map what carries these types and not what a container
/// wrote. A policy without them refuses: the file then keeps what it has, and the probe tells whether that
/// does.
void set_label(int folder_fd, const BundleFile& file) {
    const std::string_view label = holds_programs(file.folder) ? "system_u:object_r:bin_t:s0"
                                   : file.folder == "lib"      ? "system_u:object_r:lib_t:s0"
                                                               : "system_u:object_r:usr_t:s0";
    const auto written = nsutil::open_at(folder_fd, file.name.c_str(), O_RDONLY | O_NOFOLLOW);
    if (written) (void)::fsetxattr(written->get(), "security.selinux", label.data(), label.size(), 0);
}

}  // namespace

Result<Bundle> Bundle::read(const std::string& folder) {
    auto opened = nsutil::open_at(AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY);
    if (!opened) return nsutil::propagate(opened, folder);
    Bundle bundle;
    for (const char* part : {"lib", "libexec", "sbin", "share"})
        if (auto done = collect(opened->get(), part, bundle.files_); !done)
            return nsutil::propagate(done, folder);
    // The front end, which loads nothing, and the helper that it becomes.
    const auto has = [&](std::string_view part, bool with_loader) {
        return std::ranges::any_of(bundle.files_, [&](const BundleFile& file) {
            return file.folder == part && file.name == "cifs.upcall" &&
                   elf_interpreter(file.content).has_value() == with_loader;
        });
    };
    if (has("sbin", false) && has("libexec/nsupcall", true)) return bundle;
    return nsutil::fail(ENOEXEC, folder + " holds no cifs.upcall that brings its own loader");
}

std::string Bundle::name() const {
    NameHash digest;
    for (const auto& file : files_)
        digest.text(file.folder).text(file.name).text(file.mode == 0755 ? "x" : "-").text(file.content);
    return fmt::format("{}-{}", NSUPCALL_VERSION, digest.hex());
}

Result<Bundle> Bundle::moved_to(const std::string& folder) const {
    Bundle moved = *this;
    for (auto& file : moved.files_) {
        if (!holds_programs(file.folder)) continue;
        const auto loader = elf_interpreter(file.content);
        if (!loader) continue;
        auto done =
            set_elf_interpreter(file.content, folder + "/lib", loader->substr(loader->rfind('/') + 1));
        if (!done) return nsutil::propagate(done, file.name);
    }
    return moved;
}

bool Bundle::is_at(const NodeRoot& node, const std::string& folder) const {
    return std::ranges::all_of(files_, [&](const BundleFile& file) {
        const auto path = fmt::format("{}/{}/{}", folder, file.folder, file.name);
        const auto opened = node.open_at(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
        struct stat about = {};
        if (!opened || ::fstat(opened->get(), &about) != 0 || (about.st_mode & 07777) != file.mode)
            return false;
        const auto content = nsutil::read_all(opened->get(), kFileBytesMost);
        return content && *content == file.content;
    });
}

Result<void> Bundle::write(const NodeRoot& node, const std::string& folder) const {
    const bool selinux = node.has("/sys/fs/selinux/enforce");
    for (const auto& file : files_) {
        auto opened = node.make_folder(folder + "/" + file.folder);
        if (!opened) return nsutil::propagate(opened);
        if (auto done = write_new_file(opened->get(), file.name, file.content, file.mode); !done)
            return nsutil::propagate(done, folder + "/" + file.folder);
        if (selinux) set_label(opened->get(), file);
        if (::fsync(opened->get()) != 0) return nsutil::fail_errno(folder);
    }
    return {};
}

}  // namespace nsupcall::admin
