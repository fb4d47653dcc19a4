#pragma once
/// @file
/// Tickets that were made with a keytab, kept for the next request from the same place.

#include <cstdint>
#include <string>

#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"
#include "nsutil/unique_fd.hpp"
#include "session/session_record.hpp"

namespace nsupcall {

/// Whose tickets, and by which right.
struct TicketKey {
    PlaceIdentity place;
    bool of_host = false;        ///< the host's own namespaces
    std::uint32_t host_uid = 0;  ///< the user whom they are for
    std::string user;            ///< username= of the mount; may be empty
    std::string right;           ///< what else decides whose tickets they are: rule, keytabs and their state
    Anchor witness;              ///< a process that is in `place` now
    nsutil::NamespaceView host{};  ///< the host's namespaces
};

/// A folder of root's with one file for each key.
///
/// What it keeps are bytes that a worker made and the next worker of the *same* place, user and right takes
/// apart in its turn; nobody else does. A place is recognised as session records are: by the kernel's unique
/// numbers of its namespaces, or by a process that has lived in them since (see proves()), so that a later
/// container that was given the same inode numbers gets nothing.
class TicketStore {
  public:
    static constexpr std::size_t kBytesMost = 64 * 1024;      ///< of one key's tickets
    static constexpr std::size_t kFilesMost = 256;            ///< then the oldest go
    static constexpr std::int64_t kAgeMost = 24LL * 60 * 60;  ///< seconds; older ones do not count
    static constexpr std::int64_t kLeastLife = 30;  ///< seconds that a ticket must still be good for

    /// @param folder  absolute path; empty: nothing is kept
    explicit TicketStore(std::string folder) : folder_(std::move(folder)) {}
    /// Beside the session records of `sessions_folder`: /run/nsupcall/tickets by default.
    [[nodiscard]] static TicketStore beside(const std::string& sessions_folder);

    /// @errors ENOENT nothing is kept; EKEYEXPIRED, EINVAL, EPERM what is kept is expired, broken, forged or
    /// of
    ///         another place: it is ignored, and removed where it is certain to be of no use
    [[nodiscard]] nsutil::Result<nsutil::SecretBytes> find(const TicketKey& key, std::int64_t now) const;

    /// @param expires  end of the shortest-lived ticket that matters, Unix time in seconds
    /// @errors EFBIG more than kBytesMost; EPERM the folder is not root's alone; those of the file system
    [[nodiscard]] nsutil::Result<void> save(const TicketKey& key, const nsutil::SecretBytes& tickets,
                                            std::int64_t expires, std::int64_t now) const;

    /// Waits until nobody else makes tickets for this key, for half of what is left of the time at most. Of
    /// many requests at once, one asks the KDC, and the others find its tickets.
    /// @return keeps the others waiting while it is open; nothing where no lock could be had
    [[nodiscard]] nsutil::UniqueFd lock(const TicketKey& key, const nsutil::Deadline& deadline) const;

  private:
    std::string folder_;
};

}  // namespace nsupcall
