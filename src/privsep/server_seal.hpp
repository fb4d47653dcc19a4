#pragma once
/// @file
/// The walls around a process that parses bytes from the network and needs nothing but its open sockets.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "privsep/boundary.hpp"

namespace nsupcall {

struct ServerSeal {
    std::uint32_t uid = 65534, gid = 65534;  ///< whom it becomes where it is root; else it stays what it is
    std::span<const int> keep;               ///< descriptors above 2 that stay open, sorted
    pid_t parent = 0;                        ///< who is gone ends the server
};

/// Gives up ids, groups, capabilities and every other descriptor; no_new_privs, limits, and a seccomp program
/// under which nothing can be opened, connected, executed, forked or mapped executable. Keeps standard error.
/// Aborts where the proof finds that something was not given up.
/// @return nothing once it is behind; else the step that failed, and the caller must _exit
[[nodiscard]] std::optional<BoundaryFailure> seal_server(const ServerSeal& plan);

}  // namespace nsupcall
