#pragma once
/// @file
/// The engine for host names: from a query to addresses, as the requester's namespaces have it. Knows no key.

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "names/name_query.hpp"
#include "nsutil/deadline.hpp"
#include "privsep/sealed_job.hpp"

namespace nsupcall {

/// What a name came to.
struct NamesOutcome {
    JobOutcome job;                      ///< its payload is not checked: use `addresses`
    std::vector<std::string> addresses;  ///< not yet checked to be any
    std::optional<unsigned> ttl_seconds;
};

/// Looks the name up in the network and mount namespace of the task `tid`, as a user who owns nothing there.
/// A kernel thread acts for somebody it does not name: the host's namespaces answer, as they do for every
/// other key.dns_resolver.
/// @param config  the rules: one that matches the name (as `host`) and the asker may deny it
[[nodiscard]] NamesOutcome answer_name(const NameQuery& query, const std::string& config, pid_t tid,
                                       const nsutil::Deadline& deadline);

}  // namespace nsupcall
