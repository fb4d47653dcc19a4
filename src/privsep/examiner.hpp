#pragma once
/// @file
/// What a worker does where an upcall is only examined. Linked by the administrator's command alone.

#include <krb5.h>

#include "credentials/credential_query.hpp"
#include "nsutil/result.hpp"
#include "privsep/reply.hpp"

namespace nsupcall {

/// Walks through all sources behind the boundary, and puts the trace and the findings (privsep/findings.hpp)
/// into the reply. Stores nothing, and asks no KDC for anything, only whether one can be reached.
[[nodiscard]] nsutil::Result<void> examine_quietly(krb5_context context, const CredentialQuery& query,
                                                   Reply& reply);

/// The same, but asks for the tickets that an upcall would ask for, and makes a token, which is thrown away.
[[nodiscard]] nsutil::Result<void> examine_with_ticket(krb5_context context, const CredentialQuery& query,
                                                       Reply& reply);

}  // namespace nsupcall
