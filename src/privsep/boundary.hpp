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

/// RLIMIT_NOFILE of a worker.
inline constexpr std::uint64_t kWorkerOpenFiles = 64;

/// What of the boundary needs to know nobody: done by a worker that waits for its task.
struct BoundaryHead {
    int status_fd = -1;  ///< this task's own status as the host sees it, for the proof
    bool bounding_set_dropped = false;
    bool filtered = false;  ///< boundary_filter() is installed, by this process or an ancestor
};

/// The first step: ties to the broker, no key, no environment, no terminal.
/// @return nothing once it is done; else the step that failed, and the caller must _exit
[[nodiscard]] std::optional<BoundaryFailure> begin_boundary(BoundaryHead& head);

/// For who has time: drops the capability bounding set as well. Entering a user namespace fills it again.
/// @return as begin_boundary()
[[nodiscard]] std::optional<BoundaryFailure> drop_bounding_set_ahead(BoundaryHead& head);

/// For who has time: installs the first of the two seccomp programs (boundary_filter()), so that the boundary
/// needs the short one only. No program can be executed and no file mapped from then on, so gssproxy's
/// interposer cannot be loaded.
/// @return as begin_boundary()
[[nodiscard]] std::optional<BoundaryFailure> install_filter_ahead(BoundaryHead& head);

/// The others: no capability, no way back, nothing executable from here on.
///
/// Plain system calls only, in the order that docs/ARCHITECTURE.md draws. Aborts where the proof at the
/// end finds that something was not given up.
/// @param head  what begin_boundary() filled in
/// @return nothing once it is behind; else the step that failed, and the caller must _exit
[[nodiscard]] std::optional<BoundaryFailure> cross_boundary(const BoundaryPlan& plan,
                                                            const BoundaryHead& head);

/// Both, one after the other.
[[nodiscard]] std::optional<BoundaryFailure> cross_boundary(const BoundaryPlan& plan);

}  // namespace nsupcall
