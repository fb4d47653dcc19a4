#pragma once
/// @file
/// SMB mounts by their paths, in whatever mount namespace they are.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/mount_table.hpp"
#include "nsutil/result.hpp"
#include "request/spnego_request.hpp"

namespace nsupcall::admin {

/// The mount, and a process that sees it.
struct NamedMount {
    SpnegoRequest request;  ///< without a requester
    std::string target;
    pid_t process = 0;
    bool multiuser = false;  ///< each user who touches it has a session of his own
};

/// The mount that `path` lies on: as this process sees it, else as another mount namespace has it. Looks into
/// each of them once.
/// @param path      relative to the working folder; nothing of it is resolved or touched, a mount may be dead
/// @param host_uid  whose process is wanted; nothing: of whoever the mount was made for
/// @param notes     what was chosen where several would have done
/// @errors ENOENT there is none; those of opening /proc
[[nodiscard]] nsutil::Result<NamedMount> find_mount(const std::string& path,
                                                    std::optional<std::uint32_t> host_uid,
                                                    std::vector<std::string>& notes);

/// The request of an SMB mount, without a requester: server, address, user, whose credentials, security.
/// @errors EINVAL its source names no server
[[nodiscard]] nsutil::Result<SpnegoRequest> request_of_mount(const nsutil::Mount& mount);

/// The mount that `path` lies on. @return null for none
[[nodiscard]] const nsutil::Mount* mount_of_path(const nsutil::MountTable& table, const std::string& path);

}  // namespace nsupcall::admin
