#include "session/mount_census.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;
using nsutil::UniqueFd;

// Of Linux 6.8 to 6.12; older headers lack them. The numbers of these calls are the same on all machines.
constexpr long kStatmount = 457, kListmount = 458;

struct MountNamespaceInfo {
    std::uint32_t size = sizeof(MountNamespaceInfo);
    std::uint32_t mounts = 0;
    std::uint64_t id = 0;
};
constexpr unsigned long kGetInfo = _IOR(0xb7, 10, MountNamespaceInfo);
constexpr unsigned long kGetNext = _IOR(0xb7, 11, MountNamespaceInfo);
constexpr unsigned long kGetPrevious = _IOR(0xb7, 12, MountNamespaceInfo);
constexpr unsigned long kGetUserNamespace = _IO(0xb7, 1);

struct MountRequest {
    std::uint32_t size = sizeof(MountRequest);
    std::uint32_t spare = 0;
    std::uint64_t mount = 0;
    std::uint64_t param = 0;  ///< listmount: what it told last; statmount: what is wanted
    std::uint64_t mount_namespace = 0;
};

/// The beginning of struct statmount. The kernel fills as much as it is given room for.
struct MountStatus {
    std::uint32_t size, options;
    std::uint64_t mask;
    std::uint32_t major, minor;
    std::uint64_t magic;
};

/// Goes to the namespace before or after, by the kernel's own order.
/// @return false where there is none
Result<bool> step(UniqueFd& at, MountNamespaceInfo& info, unsigned long which) {
    MountNamespaceInfo there;
    UniqueFd found(::ioctl(at.get(), which, &there));
    if (!found && errno == ENOENT) return false;
    if (!found) return fail(ENOSYS, "the kernel lists no mount namespaces");
    at = std::move(found);
    info = there;
    return true;
}

/// @errors ENOSYS; ENOENT the namespace has gone, or the kernel lists a part of it only: what lies below the
///         oldest mount on the very first file system, where an initramfs may have left others than the root
Result<std::size_t> count_in(const MountNamespaceInfo& info, std::span<const std::uint64_t> magics) {
    constexpr std::uint64_t kRoot = ~std::uint64_t{0}, kSuperBlock = 1;
    std::array<std::uint64_t, 512> mounts = {};
    std::size_t count = 0, listed = 0;
    MountRequest list = {.mount = kRoot, .mount_namespace = info.id};
    for (;;) {
        const long got = ::syscall(kListmount, &list, mounts.data(), mounts.size(), 0);
        if (got < 0) return fail(errno == ENOENT ? ENOENT : ENOSYS, "listmount");
        for (const auto mount : std::span(mounts).first(static_cast<std::size_t>(got))) {
            const MountRequest request = {.mount = mount, .param = kSuperBlock, .mount_namespace = info.id};
            MountStatus status = {};
            if (::syscall(kStatmount, &request, &status, sizeof status, 0) != 0) {
                if (errno == ENOENT) continue;  // it has gone
                return fail(ENOSYS, "statmount");
            }
            if (std::ranges::find(magics, status.magic) != magics.end()) ++count;
        }
        listed += static_cast<std::size_t>(got);
        if (static_cast<std::size_t>(got) < mounts.size()) {
            // The very first file system itself is not listed.
            return listed + 1 < info.mounts ? Result<std::size_t>(fail(ENOENT, "a part")) : count;
        }
        list.param = mounts.back();
    }
}

/// Whether the namespace of `fd` belongs to that user namespace.
bool belongs_to(int fd, ino_t user_namespace) {
    const UniqueFd owner(::ioctl(fd, kGetUserNamespace));
    struct stat info = {};
    return owner && ::fstat(owner.get(), &info) == 0 && info.st_ino == user_namespace;
}

}  // namespace

Result<MountCensus> count_mounts(std::span<const std::uint64_t> magics, const nsutil::Deadline& deadline) {
    UniqueFd at(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
    MountNamespaceInfo info;
    if (!at || ::ioctl(at.get(), kGetInfo, &info) != 0)
        return fail(ENOSYS, "the kernel tells nothing of mount namespaces");
    auto moved = step(at, info, kGetPrevious);
    while (moved && *moved) moved = step(at, info, kGetPrevious);
    if (!moved) return nsutil::propagate(moved);
    struct stat own = {};
    if (::stat("/proc/self/ns/user", &own) != 0) return nsutil::fail_errno("user namespace");
    MountCensus census;
    for (bool more = true; more;) {
        if (deadline.passed()) return fail(ETIMEDOUT, "too many mount namespaces");
        struct stat file = {};
        if (::fstat(at.get(), &file) != 0) return nsutil::fail_errno("mount namespace");
        auto count = count_in(info, magics);
        if (count)
            census[file.st_ino] = {*count, *count == 0 || belongs_to(at.get(), own.st_ino)};
        else if (count.error().code != ENOENT)
            return nsutil::propagate(count);
        moved = step(at, info, kGetNext);
        if (!moved) return nsutil::propagate(moved);
        more = *moved;
    }
    return census;
}

}  // namespace nsupcall
