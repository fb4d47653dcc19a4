#pragma once
/// @file
/// Remembering where a request was answered, for when a kernel thread asks for the same session.

#include "nsutil/result.hpp"
#include "privsep/place.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester.hpp"
#include "request/spnego_request.hpp"
#include "session/session_store.hpp"

namespace nsupcall {

/// Stores a session record of an answered request, unless the same one is fresh. To be called after the key
/// was answered: a folder that is full or read-only costs the record, not the token.
/// @pre `reply` holds a token
/// @errors those of SessionStore::save() and of reading the boot id
[[nodiscard]] nsutil::Result<void> remember_session(const SessionStore& sessions,
                                                    const SpnegoRequest& request, const Requester& requester,
                                                    const Place& place, const Reply& reply);

}  // namespace nsupcall
