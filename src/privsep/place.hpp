#pragma once
/// @file
/// Whose namespaces a request is answered in.

#include <optional>
#include <string>

#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "privsep/requester.hpp"
#include "request/spnego_request.hpp"

namespace nsupcall {

/// One set of namespaces to work in, and why that one.
struct Place {
    std::optional<nsutil::NamespaceSet> own;  ///< opened for this purpose; nothing: the requester's
    std::string whose;                        ///< "requester", "host", ... for the log
    bool of_requester = false;                ///< the requester's own: its environment and groups count
    std::string ccache;                       ///< the ccache that served there before; empty for none

    [[nodiscard]] const nsutil::NamespaceSet& namespaces(const Requester& requester) const {
        return own ? *own : requester.namespaces;
    }
};

/// The host's namespaces. @pre `requester` was opened by this process
[[nodiscard]] Place host_place(const Requester& requester);

/// Decides in whose namespaces `request` is answered.
///
/// A user task's own, unless the mount asks for the host's (upcall_target=mount). A kernel thread (reconnect,
/// multichannel) acts for somebody else, and which one cannot be read from it.
/// @errors ENOKEY nothing tells whose namespaces would be right: never a guess
[[nodiscard]] nsutil::Result<Place> resolve_place(const SpnegoRequest& request, const Requester& requester,
                                                  const nsutil::Deadline& deadline);

}  // namespace nsupcall
