#pragma once
/// @file
/// Which KDCs a realm has, and whether they can be reached, without asking them for anything.

#include <krb5.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall {

/// How one KDC took to being connected to. The numbers are part of the worker's findings: add at the end
/// only.
enum class KdcState : std::uint8_t {
    answers,     ///< it accepts connections
    refuses,     ///< the host is there, but nothing listens
    silent,      ///< nothing came back in time, or no way leads there
    unresolved,  ///< its name has no address
    unclear,     ///< cannot be told without asking: UDP only, or behind a proxy
};
inline constexpr std::uint8_t kKdcStates = 5;

/// One KDC, or (with an empty name) the lack of any.
struct ProbedKdc {
    std::string realm;
    std::string name;     ///< as krb5.conf or the DNS names it
    std::string address;  ///< textual, "address port"; empty where the name has none
    KdcState state = KdcState::unresolved;
    std::string detail;  ///< why, in words
    friend bool operator==(const ProbedKdc&, const ProbedKdc&) = default;
};

inline constexpr std::size_t kKdcsMost = 8;  ///< of one realm that are tried
inline constexpr int kKdcPatienceMs = 1000;  ///< for all of them together

/// The KDCs of `realm`: krb5.conf's `kdc` relations, else SRV records where `dns_lookup_kdc` allows; each
/// connected to by TCP from the network that the caller is in, and let go without a byte. Where nothing
/// listens on TCP an empty datagram tells whether UDP is closed as well.
/// @source krb5.conf(5), RFC 4120 7.2.3.2 (SRV)
[[nodiscard]] std::vector<ProbedKdc> probe_kdcs(krb5_context context, const std::string& realm);

/// Whether any of them can be asked.
/// @errors EHOSTUNREACH none, with what the first one did
[[nodiscard]] nsutil::Result<void> any_reachable(const std::vector<ProbedKdc>& kdcs,
                                                 const std::string& realm);

}  // namespace nsupcall
