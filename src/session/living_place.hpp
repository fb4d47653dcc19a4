#pragma once
/// @file
/// From a session record back to a process that lives in the namespaces which it names.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "nsutil/task.hpp"
#include "session/session_record.hpp"

namespace nsupcall {

/// A living process and where it is, read at one moment and verified to belong together.
struct LivingProcess {
    nsutil::Task task;
    nsutil::NamespaceSet namespaces;
    PlaceIdentity place;
    std::uint64_t start_ticks = 0;

    /// @param own  NamespaceView::own() of the caller
    /// @errors ESRCH it is gone, has exited, or changed meanwhile; EACCES; those of Task and NamespaceSet
    [[nodiscard]] static nsutil::Result<LivingProcess> open(pid_t tgid, const nsutil::NamespaceView& own);
};

/// The identity of these namespaces.
[[nodiscard]] PlaceIdentity identify(const nsutil::NamespaceSet& namespaces, std::string_view container);

/// Whether a process that is in `place` now is in the very namespaces that the record means.
///
/// Every number must be equal. Where the kernel numbers namespaces uniquely that is the proof. Elsewhere the
/// inode numbers might have been used again since, so one of these must hold as well: it is the anchor
/// itself; or it was started before the record was made and has a pid namespace of its own. A process never
/// leaves the pid namespace that it was born in: so that one, with this inode number, existed when the record
/// was made, and no other can have had the number then.
/// @param own  the host's namespaces
[[nodiscard]] bool proves(const SessionRecord& record, const PlaceIdentity& place, pid_t tgid,
                          std::uint64_t start_ticks, const nsutil::NamespaceView& own);

/// Clock ticks since boot, as /proc/<tid>/stat counts them: the unit of SessionRecord::alive_ticks.
[[nodiscard]] std::uint64_t ticks_now();

/// What find_living() brought.
struct LivingSearch {
    std::vector<std::optional<LivingProcess>> found;  ///< one for each record, in their order
    bool complete = true;  ///< false: the deadline ended the search; what was not found may live all the same
};

/// Finds a living process for each of the records (none of the host's). Anchors are looked at first; only
/// where one fails are all processes gone through, once for all records.
[[nodiscard]] LivingSearch find_living(std::span<const SessionRecord* const> records,
                                       const nsutil::NamespaceView& own, const nsutil::Deadline& deadline);

/// One in the same place as `task` that is likely to outlive it (mount.cifs ends at once): the first process
/// of its pid namespace where the kernel tells it (since 6.11), else its farthest ancestor in the same place,
/// else its own process.
[[nodiscard]] Anchor find_anchor(const nsutil::Task& task, const nsutil::NamespaceView& view,
                                 const nsutil::NamespaceView& own);

}  // namespace nsupcall
