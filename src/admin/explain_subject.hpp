#pragma once
/// @file
/// Which upcall is to be explained: from what people name to the request that the kernel would make.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/workloads.hpp"
#include "nsutil/result.hpp"
#include "request/spnego_request.hpp"
#include "trace/history.hpp"

namespace nsupcall::admin {

/// What the command line names. Exactly one of the first five is given.
struct ExplainTarget {
    pid_t tid = 0;
    std::string container;      ///< name, or first digits of the id
    std::string pod;            ///< "namespace/name", or its uid
    std::string mount;          ///< a path on an SMB mount
    std::int32_t key = 0;       ///< serial of a cifs.spnego key
    std::string host, address;  ///< of the server; empty: found out
    std::optional<std::string> user;
    std::optional<std::uint32_t> host_uid;
    std::string history_folder = History::kFolder;
};

/// The request, and how it came about.
struct ExplainSubject {
    SpnegoRequest request;
    std::string host_from;  ///< "given", "mount /mnt/x", "last upcall": where the server's name is from
    std::string forged;     ///< why the key is not one of the kernel's; empty where nothing says so
    std::vector<std::string> notes;  ///< what was chosen where several would have done
};

/// Finds the requester and completes the request: of the server by the requester's SMB mounts, or by the last
/// upcall that the history has of it; of the user by the mount's cruid=, or whom the requester runs as.
/// @param workloads  names of containers
/// @errors ENOENT no such container, pod or mount; ESRCH no such process; EINVAL the server cannot be found
/// out, or
///         a name that no mount can have; those of keyctl_describe(3)
[[nodiscard]] nsutil::Result<ExplainSubject> find_subject(const ExplainTarget& target,
                                                          const Workloads& workloads);

}  // namespace nsupcall::admin
