#pragma once
/// @file
/// Tickets that a worker made with a keytab, kept until the next worker of the same place needs them.

#include <string>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/unique_fd.hpp"
#include "privsep/place.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester.hpp"
#include "rules/settings.hpp"
#include "session/ticket_store.hpp"

namespace nsupcall {

/// The rule key `ticket_cache` for one request. The broker neither reads nor checks what is kept: a worker of
/// one place made it, and only a worker of that place, user and rule is given it.
class TicketKeeper {
  public:
    /// What the tickets are for.
    struct For {
        std::uint32_t host_uid;
        std::string user;                  ///< username= of the mount
        std::vector<std::string> keytabs;  ///< of the host; each's state is part of the right to the tickets
    };

    /// Does nothing unless the settings say so.
    TicketKeeper(const SessionStore& sessions, const Settings& settings, const Requester& requester,
                 const Place& place, const For& what);

    /// What is kept; empty for nothing. Then nobody else makes tickets for the same key until this object
    /// goes.
    [[nodiscard]] nsutil::SecretBytes take(const nsutil::Deadline& deadline);
    /// The same without a claim: for who only looks.
    [[nodiscard]] nsutil::SecretBytes peek() { return find(); }
    /// Keeps what the worker sent along with its token.
    void put(const Reply& reply);

    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  private:
    [[nodiscard]] nsutil::SecretBytes find();

    const Requester& requester_;
    const Place& place_;
    TicketStore store_;
    TicketKey key_;
    nsutil::UniqueFd lock_;
    std::vector<std::string> notes_;
};

}  // namespace nsupcall
