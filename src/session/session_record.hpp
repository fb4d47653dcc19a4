#pragma once
/// @file
/// What is remembered of an answered request, so that a kernel thread that asks for the same session later is
/// answered in the same place.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "request/spnego_request.hpp"

namespace nsupcall {

/// The part of a request that a session is told by.
struct SessionKey {
    std::string host;     ///< as the request spells it
    std::string address;  ///< one server may have several; the channels of one session use them all
    std::string user;     ///< username= of the mount; may be empty
    std::uint32_t creduid = 0;
    bool from_mount = false;  ///< upcall_target=mount

    [[nodiscard]] static SessionKey of(const SpnegoRequest& request);
    /// Everything equal but the address.
    [[nodiscard]] bool same_session(const SessionKey& other) const;
    friend bool operator==(const SessionKey&, const SessionKey&) = default;
};

/// Numbers by which the kernel tells namespaces apart for as long as it runs: never used twice, unlike
/// inode numbers. 0 where the kernel gives none, or where the namespace is the host's.
struct NamespaceSerials {
    std::uint64_t mount = 0, net = 0, user = 0;
    friend bool operator==(const NamespaceSerials&, const NamespaceSerials&) = default;
};

/// What tells one set of namespaces from every other one, also from later ones that got its numbers.
struct PlaceIdentity {
    nsutil::NamespaceView view;  ///< devices and inode numbers, of the root directory too
    NamespaceSerials serials;
    std::string container;  ///< id from the control group, a label; empty where it has none
    friend bool operator==(const PlaceIdentity&, const PlaceIdentity&) = default;
};

/// A process to find a place by again.
struct Anchor {
    pid_t tgid = 0;                 ///< 0: none
    std::uint64_t start_ticks = 0;  ///< in clock ticks after boot: with the id it names one process
    friend bool operator==(const Anchor&, const Anchor&) = default;
};

/// One remembered place. Holds no secret.
struct SessionRecord {
    SessionKey key;
    bool of_host = false;  ///< answered in the host's own namespaces
    PlaceIdentity place;
    Anchor anchor;                  ///< lived there when the record was made
    std::uint64_t alive_ticks = 0;  ///< when the namespaces were known to be alive, in the anchor's unit
    std::string boot_id;            ///< of the running kernel; records of former boots mean nothing
    std::string principal;          ///< "name@REALM" that was used
    std::string ccache;             ///< its ccache as named inside, "TYPE:residual"; empty where it had none
    std::int64_t written = 0;       ///< Unix time in seconds
    friend bool operator==(const SessionRecord&, const SessionRecord&) = default;
};

/// Bytes of a record's text, whatever it holds.
inline constexpr std::size_t kSessionTextLimit = 16 * 1024;

/// Lines "name=value" in a fixed order; bytes that are no printable ASCII, and '%', become %XX.
[[nodiscard]] std::string print_session(const SessionRecord& record);

/// @errors EINVAL anything that print_session() would not have made; EFBIG longer than kSessionTextLimit
[[nodiscard]] nsutil::Result<SessionRecord> parse_session(std::string_view text);

}  // namespace nsupcall
