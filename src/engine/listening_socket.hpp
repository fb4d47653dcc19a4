#pragma once
/// @file
/// The socket on which front ends ask.

#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::engine {

/// The number at which systemd, and an engine that begins anew, hand the socket over.
inline constexpr int kInheritedFd = 3;

/// Takes the socket that was handed over (sd_listen_fds(3): LISTEN_PID, LISTEN_FDS), else makes one at
/// `path`, in a folder of root's alone. Either way the sender of each message can be told.
///
/// @errors EADDRINUSE an engine answers there; EPROTO what was handed over is no such socket; EPERM the
/// folder is
///         not root's alone; those of bind(2)
[[nodiscard]] nsutil::Result<nsutil::UniqueFd> open_listening_socket(const std::string& path);

/// Starts this program anew, in the same process, with the same arguments and the same socket, so that
/// nothing of its memory's layout stays. Returns where that is not possible.
///
/// @param argument  put in place of `argv[1]` where that begins alike up to its '=', else in front of it
/// @return an errno
[[nodiscard]] int begin_anew(int listen_fd, char* const* argv, const std::string& argument);

}  // namespace nsupcall::engine
