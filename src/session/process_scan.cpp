#include "session/process_scan.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <array>
#include <cstdio>
#include <memory>

#include "nsutil/bounded_read.hpp"
#include "nsutil/namespace_link.hpp"
#include "nsutil/proc_text.hpp"

namespace nsupcall {

nsutil::Result<bool> scan_processes(const nsutil::Deadline& deadline,
                                    const std::function<bool(pid_t, ino_t)>& visit) {
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_RDONLY | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(proc->get()), ::closedir);
    if (listing == nullptr) return nsutil::fail_errno("list /proc");
    const int fd = proc->release();  // the listing's now
    constexpr unsigned kStride = 64;
    unsigned count = 0;
    while (const dirent* entry = ::readdir(listing.get())) {
        const auto tgid = nsutil::parse_number<std::uint32_t>(entry->d_name);
        if (!tgid) continue;
        if (++count % kStride == 0 && deadline.passed()) return false;
        std::array<char, 32> path = {};
        (void)std::snprintf(path.data(), path.size(), "%u/ns/mnt", *tgid);
        const auto mounts = nsutil::namespace_inode(fd, path.data());
        if (mounts != 0 && !visit(static_cast<pid_t>(*tgid), mounts)) break;
    }
    return true;
}

}  // namespace nsupcall
