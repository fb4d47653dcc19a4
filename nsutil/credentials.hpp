#pragma once
/// @file
/// Giving up ids and capabilities for good, and proving it. The only file that calls setres*id(2),
/// setgroups(2) and capset(2).
///
/// Everything here is plain system calls, fit for the stretch between setns(2) and the proof.

#include <sys/types.h>

#include <cstdint>
#include <span>

#include "nsutil/proc_text.hpp"

namespace nsutil {

/// Sets the supplementary groups and all three group ids, as ids of the caller's own user namespace.
///
/// To be called before a foreign user namespace is entered: kernel group ids stay what they are
/// across setns(2), mapped there or not, and setgroups(2) is denied in rootless namespaces.
/// @return 0 or an errno
[[nodiscard]] int set_groups(gid_t gid, std::span<const gid_t> supplementary);

/// Sets all three user ids, given as the id *inside* the current user namespace.
/// @return 0 or an errno
[[nodiscard]] int set_user(uid_t inside_uid);

/// Empties the bounding set. To be called while the process still has CAP_SETPCAP in its user namespace
/// (entering one fills the set again), so before set_user().
/// @return 0 or an errno
[[nodiscard]] int drop_bounding_set();

/// Empties the ambient, effective, permitted and inheritable capability sets.
/// Also needed where a uid changed: root inside a user namespace keeps them.
/// @return 0 or an errno
[[nodiscard]] int drop_capabilities();

/// Tries to get another user id back. @return true if that was possible (the caller must abort)
[[nodiscard]] bool can_change_user();

/// Whether `status` (of the task itself, read through a descriptor opened in the initial user
/// namespace, so that its ids are the host's) shows exactly this identity: every uid and gid, no
/// other group, and not one capability in any set, the bounding set included.
[[nodiscard]] bool shows_only(const TaskStatus& status, std::uint32_t host_uid, std::uint32_t host_gid,
                              std::span<const gid_t> host_groups);

}  // namespace nsutil
