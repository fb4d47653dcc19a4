#pragma once
/// @file
/// Reading keyrings.

#include <cstddef>
#include <vector>

#include "keys/key_service.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// The keyring that this process would use under a name (KEY_SPEC_*). No session keyring is made.
/// @errors ENOKEY there is none; those of keyctl_get_keyring_ID(3)
[[nodiscard]] nsutil::Result<KeySerial> find_keyring(KeySerial special);

/// Serials of the keys that are linked into a keyring, `most` at most. @errors those of keyctl_read(3)
[[nodiscard]] nsutil::Result<std::vector<KeySerial>> keyring_contents(KeySerial keyring, std::size_t most);

}  // namespace nsupcall
