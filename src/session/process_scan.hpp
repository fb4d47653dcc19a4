#pragma once
/// @file
/// Going through all processes, within a deadline.

#include <sys/types.h>

#include <functional>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// Calls `visit(tgid, inode of its mount namespace)` for each process, until it says false. Costs one
/// readlinkat(2) a process. Processes that are gone meanwhile, and zombies, are left out.
/// @return true where all were seen, or `visit` ended it; false where the deadline did
/// @errors those of opening /proc
[[nodiscard]] nsutil::Result<bool> scan_processes(const nsutil::Deadline& deadline,
                                                  const std::function<bool(pid_t, ino_t)>& visit);

}  // namespace nsupcall
