#pragma once
/// @file
/// Runs a program of the node.

#include <string>
#include <vector>

#include "admin/node_root.hpp"
#include "nsutil/deadline.hpp"

namespace nsupcall::admin {

/// Runs a program with the node's root as root directory, nothing open but /dev/null, and an empty
/// environment. Needs CAP_SYS_CHROOT.
/// @param argv  the program's path on the node, and its arguments
/// @return its status, as waitpid(2) gives it
/// @errors EACCES, ENOENT, ENOEXEC as execve(2) says; ETIMEDOUT: it is killed
[[nodiscard]] nsutil::Result<int> run_on_node(const NodeRoot& node, const std::vector<std::string>& argv,
                                              const nsutil::Deadline& deadline);

}  // namespace nsupcall::admin
