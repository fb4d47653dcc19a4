#pragma once
/// @file
/// The cifs mounts of a place for the map, and which credential each rests on.

#include <string>
#include <string_view>
#include <vector>

#include "admin/node_map.hpp"
#include "nsutil/mount_table.hpp"

namespace nsupcall::admin {

/// The cifs mounts with Kerberos of a mount table, one entry a file system.
/// @param mountinfo  text of /proc/<tid>/mountinfo, opened from the host: ids in it are the host's
/// @errors those of nsutil::MountTable::parse()
/// @source Linux fs/smb/client/cifsfs.c (cifs_show_security: sec=, cruid=)
[[nodiscard]] nsutil::Result<std::vector<MapMount>> kerberos_mounts(std::string_view mountinfo);

/// Fills in what each mount of the map rests on, and hands multiuser mounts to all who use them.
///
/// 1. The session record of the mount's server, user= and uid, of the same place before others: it names the
///    principal and the ccache that served.
/// 2. Else the user's credentials in the place itself, then those in the host's namespaces (csi-driver-smb
///    mounts there), then those in another place that has the same file system: the first that is valid, of
///    the principal that username= names before others; else one that is expired.
/// @param sessions  the newest first
void settle_mounts(NodeMap& map, const std::vector<StoredSession>& sessions);

}  // namespace nsupcall::admin
