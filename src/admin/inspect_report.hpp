#pragma once
/// @file
/// Everything that nsupcall inspect tells of one process. Texts are as they came: escape them before showing.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/requester_report.hpp"
#include "nsutil/mount_table.hpp"
#include "privsep/keyring_view.hpp"

namespace nsupcall::admin {

/// What somebody needs for something, and has not. Names as cap_to_name(3) has them.
struct CapabilityReport {
    std::string purpose;
    std::vector<std::string> needed, missing;
    std::string why;  ///< why they are missing, or why that is no loss; may be empty
};

struct InspectReport {
    pid_t tid = 0;
    std::string problem;  ///< why nothing is known; empty where something is
    RequesterReport requester;
    nsutil::TaskIds uids, gids;
    std::vector<gid_t> groups;
    std::optional<nsutil::IdMap> gid_map;
    std::vector<nsutil::Mount> smb_mounts;
    std::vector<KeyringView> keyrings;
    std::string key_quota;  ///< "8 of 200 keys, 1600 of 20000 bytes" of the real uid; empty where it has none
    std::vector<CapabilityReport> capabilities;
    std::vector<std::string> unseen;  ///< what could not be looked at, and why
};

/// @param tid  a process or thread, as this host numbers them
[[nodiscard]] InspectReport inspect(pid_t tid, const Workloads& workloads);

}  // namespace nsupcall::admin
