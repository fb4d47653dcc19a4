#pragma once
/// @file
/// Tickets as bytes, to be kept between two upcalls.

#include <krb5.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "credentials/krb5_handles.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// Bytes of all tickets together, and how many.
inline constexpr std::size_t kKeptBytesMost = 64 * 1024;
inline constexpr unsigned kKeptTicketsMost = 32;

/// The tickets of a ccache in libkrb5's own form (krb5_marshal_credentials), each behind its length, all
/// behind a label that says what they were made with.
/// @return empty where there is none, or more than may be kept
[[nodiscard]] nsutil::SecretBytes export_tickets(krb5_context context, krb5_ccache ccache,
                                                 std::string_view label);

/// The other half, for behind the boundary: the bytes come from a worker that somebody may have taken over.
/// @return a new MEMORY ccache; null where the label is another one
/// @errors EINVAL anything that export_tickets() would not have made
[[nodiscard]] nsutil::Result<Ccache> import_tickets(krb5_context context, std::span<const std::byte> bytes,
                                                    std::string_view label);

}  // namespace nsupcall
