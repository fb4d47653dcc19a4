#pragma once
/// @file
/// Whether an installed program starts on the node.

#include <string>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// Runs `program --version` with the node's root as root directory: its loader and its libraries must be
/// found there, and the file system must let them run. Needs CAP_SYS_CHROOT.
/// @errors EACCES, ENOENT, ENOEXEC as execve(2) says; ELIBBAD it started and ended with an error; ETIMEDOUT
[[nodiscard]] nsutil::Result<void> probe_program(const NodeRoot& node, const std::string& program);

}  // namespace nsupcall::admin
