#pragma once
/// @file
/// How many mounts of some kind each mount namespace has, whoever sees them.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// Of the super blocks of cifs.ko. @source Linux include/uapi/linux/magic.h
inline constexpr std::uint64_t kSmbMagics[] = {0xff534d42, 0xfe534d42};

/// What a mount namespace has.
struct CountedMounts {
    std::size_t count = 0;
    bool of_host = true;  ///< the namespace belongs to the user namespace of this process
};

/// By the inode number of the namespace.
using MountCensus = std::unordered_map<ino_t, CountedMounts>;

/// Goes through all mount namespaces, with the kernel's own list of their mounts. What a process' mountinfo
/// file tells ends at that process' root: after chroot(2) the mounts outside are missing.
/// @param magics  of the file systems whose mounts count
/// @return every mount namespace of which the kernel tells all, also those with none
/// @errors ENOSYS the kernel cannot tell (before Linux 6.12), or not this process; ETIMEDOUT
/// @source Linux include/uapi/linux/nsfs.h (NS_MNT_GET_NEXT), include/uapi/linux/mount.h (listmount,
/// statmount)
[[nodiscard]] nsutil::Result<MountCensus> count_mounts(std::span<const std::uint64_t> magics,
                                                       const nsutil::Deadline& deadline);

}  // namespace nsupcall
