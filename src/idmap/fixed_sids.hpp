#pragma once
/// @file
/// SIDs whose ids need nobody to be asked.

#include <optional>

#include "idmap/id_question.hpp"

namespace nsupcall {

/// "Unix User" and "Unix Group": S-1-22-1-<uid>, S-1-22-2-<gid> (Samba) and S-1-5-88-1-<uid>,
/// S-1-5-88-2-<gid> (Windows' NFS server). An id becomes an S-1-22 SID.
[[nodiscard]] std::optional<IdOrSid> ask_unix(const IdQuestion& question);

/// Well-known SIDs: Local System (S-1-5-18) is 0; Anonymous (S-1-5-7) and Everyone (S-1-1-0) are nobody and
/// nogroup (65534). In this direction only: uid 0 is not Local System to every server.
[[nodiscard]] std::optional<IdOrSid> ask_well_known(const IdQuestion& question);

/// Aliases of the domain BUILTIN: Administrators (S-1-5-32-544) is 0, Users (545) is group 100, Guests (546)
/// is 65534. In this direction only.
/// @source MS-DTYP 2.4.2.4; Debian's static group ids
[[nodiscard]] std::optional<IdOrSid> ask_builtin(const IdQuestion& question);

}  // namespace nsupcall
