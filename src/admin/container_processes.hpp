#pragma once
/// @file
/// Processes of a container by its control group: a look at each group, where a look at each process of a
/// full host would cost ten times as much.

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "admin/workloads.hpp"

namespace nsupcall::admin {

/// Processes in control groups whose names are those of the container that `text` means (see is_called()), or
/// of the pod (is_pod()), and in the groups below. Empty where there are none, or no control groups to be
/// seen: containers of rootless podman have none.
/// @param hierarchies  where control groups are mounted; the first that knows the container counts
[[nodiscard]] std::vector<pid_t> processes_of_container(std::string_view text, const Workloads& workloads,
                                                        const std::vector<std::string>& hierarchies);
[[nodiscard]] std::vector<pid_t> processes_of_pod(std::string_view text, const Workloads& workloads,
                                                  const std::vector<std::string>& hierarchies);

/// The unified hierarchy, else those of version 1.
[[nodiscard]] std::vector<std::string> control_group_hierarchies();

}  // namespace nsupcall::admin
