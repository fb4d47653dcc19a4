#pragma once
/// @file
/// The process that serves one front end and ends.

#include "rules/prepared_rules.hpp"

namespace nsupcall::engine {

/// Exit status of a servant whose worker crashed or did what no worker does.
inline constexpr int kWorkerLost = 3;

/// Makes a worker ready, waits for a front end, answers it, and returns: what it held of the request ends
/// with its process.
///
/// @param rules      of the host, as they were when this process was forked
/// @param listen_fd  the engine's socket
/// @param told_fd    a pipe: gets this process' id as soon as a front end is there
/// @param calm       there is time to rehearse
/// @return the exit status: 0, or kWorkerLost
int serve_one(int listen_fd, int told_fd, const PreparedRules& rules, bool calm);

}  // namespace nsupcall::engine
