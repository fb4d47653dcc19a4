#pragma once
/// @file
/// What a file rests on: the mount inside, and the folder or volume of the host behind it.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsutil/mount_table.hpp"

namespace nsupcall::admin {

/// One mount as people know it. Texts may be chosen by a container: escape them before showing.
struct MountBehind {
    std::string target;     ///< where it is mounted, as seen inside
    std::string type;       ///< "tmpfs", "overlay", "cifs", ...
    std::string source;     ///< device or whatever its maker named
    std::string host_path;  ///< the same directory on the host; empty where the host shows it nowhere
    std::string volume;     ///< "secret creds", "csi smb", "volume data"; empty where it is none
};

/// Whether `path` is `folder` or lies below it, by their names.
[[nodiscard]] bool is_below(std::string_view path, std::string_view folder);

/// The volume that a path on the host belongs to, by the folders of the kubelet
/// (".../volumes/kubernetes.io~KIND/NAME/...") and of engines (".../volumes/NAME/_data"). Empty for none.
[[nodiscard]] std::string volume_of(std::string_view host_path);

/// @param inside    mounts of a task in the container
/// @param host      the host's; the same table for the host itself
/// @param mount_id  of statx(2): mountinfo's first column
/// @return nothing where the table does not hold that mount
[[nodiscard]] std::optional<MountBehind> mount_behind(const nsutil::MountTable& inside,
                                                      const nsutil::MountTable& host, std::uint64_t mount_id);

}  // namespace nsupcall::admin
