#include "admin/node_root.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>

#include "nsutil/bounded_read.hpp"

namespace nsupcall::admin {

using nsutil::Result;
using nsutil::UniqueFd;

Result<NodeRoot> NodeRoot::open(const std::string& folder) {
    auto root = nsutil::open_at(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY);
    if (!root) return nsutil::propagate(root, folder);
    return NodeRoot(std::move(*root));
}

Result<UniqueFd> NodeRoot::open_at(const std::string& path, int flags, mode_t mode) const {
    open_how how = {};
    how.flags = static_cast<__u64>(flags | O_CLOEXEC);
    how.mode = mode;
    how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
    const auto fd = ::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how);
    if (fd < 0) return nsutil::fail_errno(path);
    return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> NodeRoot::make_folder(const std::string& path) const {
    constexpr mode_t kMode = 0755;
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
        const auto part = path.substr(0, end);
        if (auto folder = open_at(part, O_RDONLY | O_DIRECTORY); !folder) {
            if (folder.error().code != ENOENT) return folder;
            const auto slash = part.rfind('/');
            auto above = open_at(slash == 0 ? "/" : part.substr(0, slash), O_PATH | O_DIRECTORY);
            if (!above) return above;
            const auto name = part.substr(slash + 1);
            if (::mkdirat(above->get(), name.c_str(), kMode) != 0 && errno != EEXIST)
                return nsutil::fail_errno(part);
            // Whatever the umask is: users that are not root pass through here, as request-key's programs
            // may.
            if (::fchmodat(above->get(), name.c_str(), kMode, 0) != 0) return nsutil::fail_errno(part);
        }
        if (end == std::string::npos) return open_at(path, O_RDONLY | O_DIRECTORY);
    }
}

Result<std::string> NodeRoot::read(const std::string& path, std::size_t limit) const {
    auto file = open_at(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (!file) return nsutil::propagate(file);
    auto text = nsutil::read_all(file->get(), limit);
    if (!text) return nsutil::propagate(text, path);
    return text;
}

bool NodeRoot::has(const std::string& path) const {
    return open_at(path, O_PATH).has_value();
}

bool NodeRoot::has_program(const std::string& path) const {
    const auto file = open_at(path, O_PATH);
    struct stat about = {};
    return file && ::fstat(file->get(), &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & 0111) != 0;
}

Result<void> NodeRoot::check_writable(const std::string& path) const {
    auto part = path;
    auto found = open_at(part, O_PATH);
    while (!found && part.size() > 1) {
        const auto slash = part.rfind('/');
        part = slash == 0 || slash == std::string::npos ? "/" : part.substr(0, slash);
        found = open_at(part, O_PATH);
    }
    if (!found) return nsutil::propagate(found);
    struct statvfs about = {};
    if (::fstatvfs(found->get(), &about) != 0) return nsutil::fail_errno(part);
    if ((about.f_flag & ST_RDONLY) != 0) return nsutil::fail(EROFS, part + " is on a read-only file system");
    return {};
}

Result<void> write_new_file(int folder_fd, const std::string& name, const std::string& content, mode_t mode) {
    const UniqueFd file(
        ::openat(folder_fd, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!file) return nsutil::fail_errno(name);
    for (std::size_t done = 0; done < content.size();) {
        const auto wrote = ::write(file.get(), content.data() + done, content.size() - done);
        if (wrote < 0 && errno != EINTR) return nsutil::fail_errno(name);
        if (wrote > 0) done += static_cast<std::size_t>(wrote);
    }
    if (::fchmod(file.get(), mode) != 0 || ::fsync(file.get()) != 0) return nsutil::fail_errno(name);
    return {};
}

namespace {

// One that a former run left behind may be removed: two runs never meet here (the installer holds a lock).
std::string temporary_name(int folder_fd, const std::string& name) {
    auto temporary = "." + name + ".new";
    (void)::unlinkat(folder_fd, temporary.c_str(), 0);
    return temporary;
}

Result<void> move_into_place(int folder_fd, const std::string& temporary, const std::string& name) {
    if (::renameat(folder_fd, temporary.c_str(), folder_fd, name.c_str()) != 0) {
        auto failed = nsutil::fail_errno(name);
        (void)::unlinkat(folder_fd, temporary.c_str(), 0);
        return failed;
    }
    // The folder was opened to be read (O_PATH ones cannot be synchronised); where it fails, the change still
    // holds.
    (void)::fsync(folder_fd);
    return {};
}

}  // namespace

Result<void> replace_file(int folder_fd, const std::string& name, const std::string& content, mode_t mode) {
    const auto temporary = temporary_name(folder_fd, name);
    if (auto written = write_new_file(folder_fd, temporary, content, mode); !written) {
        (void)::unlinkat(folder_fd, temporary.c_str(), 0);
        return written;
    }
    return move_into_place(folder_fd, temporary, name);
}

Result<void> replace_link(int folder_fd, const std::string& name, const std::string& target) {
    const auto temporary = temporary_name(folder_fd, name);
    if (::symlinkat(target.c_str(), folder_fd, temporary.c_str()) != 0) return nsutil::fail_errno(name);
    return move_into_place(folder_fd, temporary, name);
}

}  // namespace nsupcall::admin
