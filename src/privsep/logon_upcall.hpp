#pragma once
/// @file
/// The engine for NTLM credentials: reads a user's own file inside his namespaces. Knows no key.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "logon/logon_request.hpp"
#include "nsutil/deadline.hpp"
#include "privsep/sealed_job.hpp"
#include "rules/rule_set.hpp"

namespace nsupcall {

/// Where credentials files are looked for.
struct LogonOptions {
    bool enabled = false;  ///< nothing is answered unless a rule says so, here or in `config`
    /// Paths as the requester sees them; "%{uid}" is its user id there. The first that exists counts.
    std::vector<std::string> files = {"/run/user/%{uid}/cifs-credentials", "/run/secrets/cifs-credentials"};
    std::string config = kConfigPath;  ///< rules, which may say otherwise
};

/// Finds the credential of the user `host_uid` for the task `tid`; the reply's payload is "user:password".
///
/// ENOKEY: not switched on, no file, or a file for another domain than is asked for; EACCES: a file that is
/// not the user's alone; EINVAL: one that is malformed. The trace names the files.
[[nodiscard]] JobOutcome answer_logon(const LogonRequest& request, const LogonOptions& given,
                                      std::uint32_t host_uid, pid_t tid, const nsutil::Deadline& deadline);

}  // namespace nsupcall
