#pragma once
/// @file
/// Who asks, as reports tell it. Texts are as they came: escape them before showing.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/workloads.hpp"
#include "nsutil/id_map.hpp"
#include "privsep/requester.hpp"

namespace nsupcall::admin {

/// One namespace, or the root directory.
struct NamespaceReport {
    std::string name;         ///< "mnt", "net", "user", "pid", "root"
    std::uint64_t inode = 0;  ///< its number
    bool of_host = false;
};

/// Who would ask.
struct RequesterReport {
    pid_t tid = 0, tgid = 0;
    std::string comm;
    std::uint32_t host_uid = 0;
    std::optional<std::uint32_t> inside_uid;  ///< of host_uid
    bool kernel_thread = false;
    bool contained = false, host_service = false;
    Workload workload;  ///< the container; empty where nothing names it
    std::vector<NamespaceReport> namespaces;
    nsutil::IdMap uid_map = nsutil::IdMap::identity();
};

/// @param workloads  names of containers
[[nodiscard]] RequesterReport describe_requester(const Requester& requester, const Workloads& workloads);

/// What may be read of a process whose namespaces may not: `namespaces` is empty. @return nothing where it is
/// gone
[[nodiscard]] std::optional<RequesterReport> describe_stranger(pid_t tid);

}  // namespace nsupcall::admin
