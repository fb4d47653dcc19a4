#pragma once
/// @file
/// Tickets that a keytab brought, as bytes between two upcalls.

#include <krb5.h>

#include "credentials/krb5_handles.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

inline constexpr std::size_t kKeptBytesMost = 64 * 1024;

/// All tickets of `ccache`, each in libkrb5's marshalled form behind its 32-bit length.
/// @return nothing where they are too large
[[nodiscard]] nsutil::SecretBytes pack_tickets(krb5_context context, krb5_ccache ccache);

/// A new MEMORY ccache with what pack_tickets() made. The bytes come from another worker: not trusted.
/// @errors EINVAL malformed, or of several clients
[[nodiscard]] nsutil::Result<Ccache> unpack_tickets(krb5_context context, const nsutil::SecretBytes& bytes);

}  // namespace nsupcall
