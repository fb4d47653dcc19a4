#pragma once
/// @file
/// The keyrings that a user's upcall could reach, and what lies in them.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"
#include "privsep/requester.hpp"

namespace nsupcall {

/// One keyring. Descriptions are as their makers chose them: escape them before showing.
struct KeyringView {
    std::string name;               ///< "user", "user session"
    std::string problem;            ///< why nothing is known of it; empty where it is there
    std::string description;        ///< "keyring;uid;gid;perm;name"
    std::vector<std::string> keys;  ///< the same of what is linked into it, as far as the user may see it
    friend bool operator==(const KeyringView&, const KeyringView&) = default;
};

inline constexpr std::size_t kKeyringsMost = 2, kKeysMost = 24, kKeyTextMost = 256;

/// Looks at the keyrings of the user `host_uid` in the requester's user namespace, in a sealed child that has
/// become that user there. The kernel makes a user keyring that was never used when it is looked at, as it
/// does for all that the user runs; nothing else is changed. Persistent keyrings, whose life a look prolongs,
/// are left out.
/// @errors EACCES the user has no id there; EPERM lack of privileges; those of the sealed child
[[nodiscard]] nsutil::Result<std::vector<KeyringView>> look_at_keyrings(const Requester& requester,
                                                                        std::uint32_t host_uid,
                                                                        const nsutil::Deadline& deadline);

/// The child's reply. Texts are cut to kReplyTextLimit, lists to their limits.
[[nodiscard]] nsutil::SecretBytes encode_keyrings(const std::vector<KeyringView>& keyrings);

/// @errors EPROTO anything that encode_keyrings() would not have made
[[nodiscard]] nsutil::Result<std::vector<KeyringView>> decode_keyrings(std::span<const std::byte> bytes);

}  // namespace nsupcall
