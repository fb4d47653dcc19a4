#pragma once
/// @file
/// The engine for principals: which local user one maps to. Knows no key.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsutil/deadline.hpp"
#include "privsep/sealed_job.hpp"

namespace nsupcall {

/// What a principal came to.
struct PrincipalOutcome {
    JobOutcome job;
    std::string local_user;
    std::uint32_t uid = 0, gid = 0;  ///< the host's ids; set where job.reply.code is 0
};

/// Maps `principal` (no longer than 1024 bytes) with auth_to_local of the krb5.conf that the task `tid` sees,
/// and finds the local user's ids: by the host's name service for a task of the host, else in /etc/passwd as
/// the task sees it, where no other name service may run.
///
/// ENOKEY: it maps to nobody, or the local user does not exist; EACCES: the container's user has no id on the
/// host; EINVAL: no principal.
[[nodiscard]] PrincipalOutcome answer_principal(std::string_view principal, pid_t tid,
                                                const nsutil::Deadline& deadline);

struct PasswdIds {
    std::uint32_t uid, gid;
};

/// Finds a user in the text of a passwd file (passwd(5)). @return nothing where no well-formed line names it
[[nodiscard]] std::optional<PasswdIds> find_in_passwd(std::string_view text, std::string_view user);

}  // namespace nsupcall
