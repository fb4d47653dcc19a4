#pragma once
/// @file
/// A map in words, shared by its pictures. What comes from outside is escaped here.

#include <cstdint>
#include <string>

#include "admin/node_map.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {

/// The life of a ticket that fills a bar: Active Directory's and MIT's usual ten hours.
inline constexpr std::int64_t kFullBar = 10LL * 3600;
/// Seconds before its end from which on a credential is a warning.
inline constexpr std::int64_t kEndsSoon = 30LL * 60;

/// How full the bar of something that ends at `expires` is, 0 to 1.
[[nodiscard]] double bar_fill(std::int64_t expires, std::int64_t now);

/// good, warning (ends soon, or nobody knows), bad (expired, missing).
[[nodiscard]] Tone tone_of(CredentialState state, std::int64_t expires, std::int64_t now);

/// "uid 701000 (1000 inside), java and 2 more"
[[nodiscard]] std::string user_words(const MapUser& user);
/// "containerd 0123456789ab, 3 processes"
[[nodiscard]] std::string place_words(const MapPlace& place);
/// "alice@LAB.TEST", or what is wrong: "unreadable", "malformed: it is a socket or a device"
[[nodiscard]] std::string credential_words(const Candidate& credential);
/// "expires in 3 h", "expired 3 h ago"; empty where nothing says
[[nodiscard]] std::string expiry_words(std::int64_t expires, std::int64_t now);
/// "//host/share on /mnt, /data and 2 more"
[[nodiscard]] std::string mount_words(const MapMount& mount);
/// "rests on alice@LAB.TEST (host)", "no credential found"
[[nodiscard]] std::string rest_words(const MapMount& mount);

/// The credential of the same user that a mount rests on; -1: none of these.
[[nodiscard]] int credential_of(const MapUser& user, const MapMount& mount);

/// "4 cifs mounts with Kerberos: 3 valid, 1 expired"
[[nodiscard]] std::string summary_words(const NodeMap& map);
/// What could not be seen, a line each.
[[nodiscard]] std::vector<std::string> unseen_words(const NodeMap& map);

}  // namespace nsupcall::admin
