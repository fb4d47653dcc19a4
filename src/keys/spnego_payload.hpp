#pragma once
/// @file
/// The payload of a `cifs.spnego` key.

#include <cstddef>
#include <cstdint>
#include <span>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// Bytes of a session key that the SMB client can use; the longest Kerberos key has 32.
inline constexpr std::size_t kSessionKeyLimit = 64;
/// Bytes of a token: the security buffer of an SMB2 session setup has a 16-bit length.
inline constexpr std::size_t kTokenLimit = 65535;

/// Lays out `struct cifs_spnego_msg`: version 2, flags 0, the two lengths (each an unsigned 32-bit
/// number in the machine's byte order), the session key, the token.
/// @errors EINVAL a key or token that is empty or past its limit
/// @source Linux fs/smb/client/cifs_spnego.h
[[nodiscard]] nsutil::Result<nsutil::SecretBytes> make_spnego_payload(std::span<const std::byte> session_key,
                                                                      std::span<const std::byte> token);

}  // namespace nsupcall
