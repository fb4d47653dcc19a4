#pragma once
/// @file
/// Which living mount namespaces hold the mount that a session belongs to.

#include <cstddef>
#include <optional>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "session/living_place.hpp"

namespace nsupcall {

/// What find_holders() brought.
struct HolderSearch {
    bool host = false;                     ///< the host's own table, or that of one of its services, holds it
    bool multiuser = false;                ///< one of the mounts is a multiuser mount
    std::size_t others = 0;                ///< other mount namespaces that hold it
    std::optional<LivingProcess> process;  ///< a process in the first of those
    bool complete = true;                  ///< false: the deadline ended the search
};

/// Looks through the mount tables of all living mount namespaces, each once.
/// @param own  NamespaceView::own() of the caller, which runs on the host
/// @errors those of parse_cifs_mounts() and of /proc
[[nodiscard]] nsutil::Result<HolderSearch> find_holders(const SessionKey& key,
                                                        const nsutil::NamespaceView& own,
                                                        const nsutil::Deadline& deadline);

}  // namespace nsupcall
