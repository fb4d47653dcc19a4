#pragma once
/// @file
/// Credentials of the host that a rule hands to a requester.

#include <string>
#include <vector>

#include "credentials/credential_query.hpp"

namespace nsupcall {

inline constexpr std::size_t kHostCcachesMost = 16;

/// Reads the rule's ccaches of the host into MEMORY ccaches of this process. Patterns are filled in with
/// values of the request, then globbed. Only regular files are taken that root owns and nobody else may
/// write to. For the broker, before the fork.
[[nodiscard]] std::vector<HostCcache> load_host_ccaches(const CredentialQuery& query);

}  // namespace nsupcall
