#pragma once
/// @file
/// The payload of a `dns_resolver` key.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// "address[,address...]" and a NUL. cifs, ceph and nfs read one address, and understand no list.
/// @param texts  at least one; each is checked to be an IP address (with "%<interface>" behind a link-local
///               one), since they come from the worker
/// @errors EPROTO no address, or one that is none
/// @source Linux net/dns_resolver/dns_key.c (dns_resolver_preparse), fs/smb/client/netmisc.c
[[nodiscard]] nsutil::Result<nsutil::SecretBytes> make_dns_payload(std::span<const std::string> texts);

/// "#dnserror=N" and a NUL: the key holds a failure, which the kernel hands to whoever asks.
/// @pre 1 <= code <= 511
[[nodiscard]] nsutil::SecretBytes make_dns_error_payload(int code);

}  // namespace nsupcall
