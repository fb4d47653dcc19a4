#pragma once
/// @file
/// Whose namespaces a request is answered in.

#include <optional>
#include <string>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "privsep/requester.hpp"
#include "request/spnego_request.hpp"
#include "session/living_place.hpp"
#include "session/session_store.hpp"

namespace nsupcall {

/// One set of namespaces to work in, and why that one.
struct Place {
    std::optional<nsutil::NamespaceSet> own;  ///< opened for this purpose; nothing: the requester's
    std::string whose;                        ///< "requester", "host", ... for the log
    bool of_requester = false;                ///< the requester's own: its environment and groups count
    bool of_host = false;                     ///< the host's, chosen for not being the requester's
    std::string ccache;                       ///< the ccache that served there before; empty for none
    std::string principal;           ///< "name@REALM" whose session it is: nobody else will do; empty for any
    std::string container;           ///< id of the container, a label; empty for none
    Anchor anchor;                   ///< a process there, where one was found
    std::vector<std::string> notes;  ///< what else the log should tell

    [[nodiscard]] const nsutil::NamespaceSet& namespaces(const Requester& requester) const {
        return own ? *own : requester.namespaces;
    }
};

/// The host's namespaces. @pre `requester` was opened by this process
[[nodiscard]] Place host_place(const Requester& requester);

/// The requester's own namespaces. @pre it is no kernel thread
[[nodiscard]] Place requester_place(const Requester& requester);

/// Decides in whose namespaces `request` is answered.
///
/// A user task's own, unless the mount asks for the host's (upcall_target=mount). A kernel thread (reconnect,
/// multichannel) acts for somebody else, and which one cannot be read from it: mounter_place() decides.
/// @errors those of mounter_place()
[[nodiscard]] nsutil::Result<Place> resolve_place(const SpnegoRequest& request, const Requester& requester,
                                                  const SessionStore& sessions,
                                                  const nsutil::Deadline& deadline);

/// The namespaces in which the session (or the mount that it belongs to) was made.
///
/// 1. Session records of this server, user=, creduid and upcall_target, those of this address before others: the
///    place of the one whose namespaces are proven to be alive. Several that live are told apart by nothing but
///    their principals; where these differ it is nobody's. Where all are gone, so is the session's owner.
/// 2. Without a record: a request with upcall_target=mount is for the host's credentials, as ever. Any other is
///    answered where a living mount table holds the mount: the host's where it does (unless it is a multiuser
///    mount that others hold as well), else those of the only other namespace that does.
/// @errors ENOKEY nothing tells whose namespaces would be right, several would do, or the container is gone:
///         never a guess; ETIMEDOUT the deadline ended the search
[[nodiscard]] nsutil::Result<Place> mounter_place(const SpnegoRequest& request, const Requester& requester,
                                                  const SessionStore& sessions,
                                                  const nsutil::Deadline& deadline);

/// The rule `target = mounter` for a user task with upcall_target=mount: where the mount was made, whoever
/// acts now. With records that is the place of any session of this server and user= (not its principal and
/// ccache unless they are of the same creduid); without, mount tables; where nothing holds the mount yet, the
/// requester is about to make it, and its own namespaces are right.
/// @errors as mounter_place()
[[nodiscard]] nsutil::Result<Place> mounter_place_for_task(const SpnegoRequest& request,
                                                           const Requester& requester,
                                                           const SessionStore& sessions,
                                                           const nsutil::Deadline& deadline);

}  // namespace nsupcall
