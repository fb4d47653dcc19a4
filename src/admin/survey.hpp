#pragma once
/// @file
/// One look at all processes: which places there are, and who lives there.

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "admin/workloads.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"

namespace nsupcall::admin {

/// The host's namespaces: those of the first process, where it may be looked at and the caller sees the pid
/// namespace that it began (an agent in a pod with hostPID); else the caller's own.
[[nodiscard]] nsutil::Result<nsutil::NamespaceView> host_view();

/// A user's processes in a place.
struct Inhabitant {
    pid_t tgid = 0;         ///< one of them, by which the place is entered
    std::string comm;       ///< its name, of its own choosing
    std::size_t count = 0;  ///< how many there are
};

/// One set of mount, user and network namespaces.
struct SurveyedPlace {
    nsutil::NamespaceId mount, user, net;
    bool is_host = false;       ///< the host's own namespaces, all three
    bool host_service = false;  ///< no container: its mounts differ, user and pid namespaces are the host's
    Workload workload;          ///< the container; of the first process that is in one
    std::map<std::uint32_t, Inhabitant> users;  ///< by effective uid, as the host has it
    std::size_t processes = 0;

    /// A process that lives there; any.
    [[nodiscard]] pid_t anchor() const { return users.empty() ? 0 : users.begin()->second.tgid; }
    /// One of the user's where there is one, else any.
    [[nodiscard]] pid_t process_of(const std::optional<std::uint32_t>& host_uid) const {
        const auto found = host_uid ? users.find(*host_uid) : users.end();
        return found == users.end() ? anchor() : found->second.tgid;
    }
};

inline constexpr const char* kHiddenText =
    "processes of other users are hidden (/proc is mounted with hidepid)";

/// What a look at /proc brought.
struct Survey {
    std::vector<SurveyedPlace> places;  ///< the host's own first, the others as they were met
    std::size_t processes = 0;
    std::size_t unseen = 0;      ///< processes that may not be looked at
    bool others_hidden = false;  ///< there are more, of other users: /proc is mounted with hidepid

    /// "3 processes may not be looked at", "...hidden..."; empty where nothing was out of sight.
    [[nodiscard]] std::string unseen_text() const;

    /// Looks at each process of /proc once, on all processors. Costs a handful of system calls a process;
    /// processes that end meanwhile are left out, and so are kernel threads.
    /// @param workloads  completes the containers' names
    /// @errors those of opening /proc
    [[nodiscard]] static nsutil::Result<Survey> take(const Workloads& workloads);

    /// The same of these processes alone.
    [[nodiscard]] static nsutil::Result<Survey> of(std::span<const pid_t> processes,
                                                   const Workloads& workloads);

    /// Places of the containers that `text` names (see is_called()), or of the pod (is_pod()).
    [[nodiscard]] std::vector<const SurveyedPlace*> named(std::string_view text) const;
    [[nodiscard]] std::vector<const SurveyedPlace*> of_pod(std::string_view text) const;
};

}  // namespace nsupcall::admin
