#include "session/private_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "nsutil/bounded_read.hpp"
#include "nsutil/root_folder.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;
using nsutil::UniqueFd;

constexpr std::string_view kUnfinished = ".new-";

Result<void> write_all(int fd, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno("write");
        bytes = bytes.subspan(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

Result<PrivateFolder> PrivateFolder::open(const std::string& path) {
    auto fd = nsutil::open_root_folder(path);
    if (!fd) return propagate(fd);
    return PrivateFolder(std::move(*fd));
}

Result<PrivateFolder> PrivateFolder::open_or_make(const std::string& path) {
    auto fd = nsutil::open_or_make_root_folder(path);
    if (!fd) return propagate(fd);
    return PrivateFolder(std::move(*fd));
}

bool PrivateFolder::has(const std::string& name) const {
    return ::faccessat(fd_.get(), name.c_str(), F_OK, 0) == 0;
}

Result<UniqueFd> PrivateFolder::open_file(const std::string& name) const {
    // O_NONBLOCK: nothing but a regular file may keep us waiting.
    auto fd = nsutil::open_at(fd_.get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return propagate(fd);
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return fail_errno(name);
    if (!S_ISREG(info.st_mode)) return fail(EINVAL, name + " is no file");
    if (!nsutil::is_roots_alone(info)) return fail(EPERM, name + " is not root's alone");
    return fd;
}

Result<std::string> PrivateFolder::read(const std::string& name, std::size_t limit) const {
    auto fd = open_file(name);
    if (!fd) return propagate(fd);
    auto text = nsutil::read_all(fd->get(), limit);
    if (!text) return propagate(text, name);
    return text;
}

Result<nsutil::SecretBytes> PrivateFolder::read_secret(const std::string& name, std::size_t limit) const {
    auto fd = open_file(name);
    if (!fd) return propagate(fd);
    nsutil::SecretBytes bytes(limit + 1);
    std::size_t used = 0;
    while (used < bytes.size()) {
        const ssize_t got = ::read(fd->get(), bytes.data() + used, bytes.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(name);
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    if (used > limit) return fail(EFBIG, name + " is longer than " + std::to_string(limit) + " bytes");
    bytes.resize(used);
    return bytes;
}

Result<void> PrivateFolder::replace(const std::string& name, std::span<const std::byte> bytes) const {
    const std::string unfinished = std::string(kUnfinished) + std::to_string(::getpid());
    constexpr int kFlags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    UniqueFd fd(::openat(fd_.get(), unfinished.c_str(), kFlags, 0600));
    if (!fd && errno == EEXIST) {
        // Left by a process of this number that was killed.
        (void)::unlinkat(fd_.get(), unfinished.c_str(), 0);
        fd = UniqueFd(::openat(fd_.get(), unfinished.c_str(), kFlags, 0600));
    }
    if (!fd) return fail_errno("make a file");
    auto done = write_all(fd.get(), bytes);
    if (done && ::renameat(fd_.get(), unfinished.c_str(), fd_.get(), name.c_str()) != 0)
        done = fail_errno("rename");
    if (!done) (void)::unlinkat(fd_.get(), unfinished.c_str(), 0);
    return done;
}

void PrivateFolder::remove(const std::string& name) const {
    (void)::unlinkat(fd_.get(), name.c_str(), 0);
}

void PrivateFolder::each_name(const std::function<bool(const char*)>& visit) const {
    const int copy = ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(copy), ::closedir);
    if (listing == nullptr) {
        (void)::close(copy);
        return;
    }
    while (const dirent* entry = ::readdir(listing.get()))
        if (const std::string_view name(entry->d_name); name != "." && name != "..")
            if (!visit(entry->d_name)) return;
}

void PrivateFolder::prune(std::size_t most) const {
    constexpr std::size_t kListedPerFile = 16;
    std::vector<std::pair<std::int64_t, std::string>> files;
    each_name([&](const char* name) {
        files.emplace_back(0, name);
        return files.size() < kListedPerFile * most;
    });
    if (files.size() <= most) return;
    for (auto& [changed, name] : files) {
        struct stat info = {};
        if (::fstatat(fd_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) changed = info.st_mtime;
    }
    std::ranges::sort(files);
    const std::size_t excess = files.size() - most * 3 / 4;
    for (std::size_t at = 0; at < excess; ++at) remove(files[at].second);
}

}  // namespace nsupcall
