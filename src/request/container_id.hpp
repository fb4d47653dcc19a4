#pragma once
/// @file
/// Which container a task belongs to, by the name of its control group or by its mounts.

#include <cstddef>
#include <string>
#include <string_view>

namespace nsupcall {

inline constexpr std::size_t kCgroupTextLimit = 64 * 1024;  ///< bytes of /proc/<tid>/cgroup that are read

/// The container's id in the text of /proc/<tid>/cgroup: the first 64 hexadecimal digits in a row in the
/// path, as podman, Docker, containerd and CRI-O name their groups ("libpod-<id>.scope", "docker/<id>",
/// "cri-containerd-<id>.scope", "crio-<id>"). The outermost one counts, since what is below it may be made by
/// the container itself; groups of podman's pods are passed over.
///
/// A name, not a proof: whoever a control group is delegated to may choose such a name.
/// @return 64 digits; empty where the text holds none (rootless podman's containers have no group of their
/// own)
/// @source cgroups(7): lines "hierarchy:controllers:path"
[[nodiscard]] std::string container_id_of(std::string_view cgroup_text);

inline constexpr std::size_t kMountsTextLimit = 1024 * 1024;  ///< bytes of /proc/<tid>/mountinfo

/// The container's id in the text of /proc/<tid>/mountinfo: engines mount files of their own over the image's
/// /etc/hosts and the like, from a folder ".../containers/<id>/" (Docker) or ".../overlay-containers/<id>/"
/// (podman). Tells also containers without a control group.
///
/// For people's eyes only: who may mount inside the container can make it say anything.
/// @return 64 digits; empty where the text shows none
/// @source proc(5): "id parent major:minor root mount-point ..."
[[nodiscard]] std::string container_id_of_mounts(std::string_view mountinfo);

}  // namespace nsupcall
