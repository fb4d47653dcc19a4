#pragma once
/// @file
/// The boundary between the privileged stretch of a worker and everything that reads container content.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>

#include "nsutil/namespaces.hpp"

namespace nsupcall {

/// Who the worker becomes, and where. Ids are the host's unless they say otherwise.
struct BoundaryPlan {
    const nsutil::NamespaceSet& namespaces;
    std::uint32_t host_uid = 0, inside_uid = 0;
    std::uint32_t host_gid = 0;
    std::span<const gid_t> host_groups;
    pid_t parent = 0;                                ///< the broker; a worker whose broker is gone ends
    int reply_fd = -1;                               ///< the only descriptor above 2 that stays open
    std::span<const char* const> write_directories;  ///< paths inside, in which a ccache may be written
    bool host_network = false;                       ///< the network namespace is not entered
    bool with_gssproxy = false;                      ///< its interposer was loaded
    unsigned cpu_seconds = 0;
};

/// The step that failed; the worker must not go on.
struct BoundaryFailure {
    const char* step;
    int error;
};

/// Crosses the boundary: no key, no capability, no way back, nothing executable from here on.
///
/// Plain system calls only, in the order that docs/ARCHITECTURE.md draws. Aborts where the proof at the
/// end finds that something was not given up.
/// @return nothing once it is behind; else the step that failed, and the caller must _exit
[[nodiscard]] std::optional<BoundaryFailure> cross_boundary(const BoundaryPlan& plan);

}  // namespace nsupcall
