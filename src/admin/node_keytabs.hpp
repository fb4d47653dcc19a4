#pragma once
/// @file
/// Keytabs of a Secret, on a node.

#include <string>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

inline constexpr const char* kKeytabFolder = "/run/nsupcall-keytabs";

/// Makes the folder `to` of the node (0700) hold exactly the `*.keytab` of the folder `from` of this
/// container, root's and 0600: rules of nsupcall.conf(5) name them there. On a tmpfs, as /run is, they never
/// reach a disk.
/// @return how many files were written or removed
/// @errors EFBIG too many, or too large a file; EINVAL `to` is no folder below /run
[[nodiscard]] nsutil::Result<unsigned> sync_keytabs(const NodeRoot& node, const std::string& from,
                                                    const std::string& to);

}  // namespace nsupcall::admin
