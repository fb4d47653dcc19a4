#pragma once
/// @file
/// The name of the service that a token is for.

#include <string>
#include <string_view>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {

/// Service principals fold case on Windows and not in MIT realms, which keep them in lower case: so do we.
[[nodiscard]] std::string lower_case(std::string_view host);

/// `cifs/<host>` in the realm that krb5.conf gives for the host, else the empty referral realm, which
/// makes libkrb5 ask the client's own KDC. Asks no DNS server.
[[nodiscard]] nsutil::Result<Principal> service_principal(krb5_context context, const std::string& host);

/// The name that the server's address has in the reverse DNS, lower-cased; for `--trust-dns` only, since
/// whoever answers for that zone chooses which server's ticket is used.
/// @param address  textual IPv4 or IPv6 address
/// @errors EHOSTUNREACH (native: EAI_*) no name
[[nodiscard]] nsutil::Result<std::string> reverse_name(const std::string& address);

}  // namespace nsupcall
