#pragma once
/// @file
/// The name of the service that a token is for.

#include <optional>
#include <string>
#include <string_view>

#include "credentials/krb5_handles.hpp"

namespace nsupcall {

/// Service principals fold case on Windows and not in MIT realms, which keep them in lower case: so do we.
[[nodiscard]] std::string lower_case(std::string_view host);

/// `cifs/<name>` in the realm that krb5.conf gives for the host, else the empty referral realm, which
/// makes libkrb5 ask the client's own KDC. Asks no DNS server. A name that holds a '/' is a whole principal,
/// "service/host" or "service/host@REALM".
[[nodiscard]] nsutil::Result<Principal> service_principal(krb5_context context, const std::string& name);

/// A host name without a dot, which a resolver can complete; addresses are none.
[[nodiscard]] bool is_unqualified(std::string_view host);

/// What the resolver completes an unqualified name to: its canonical name, lower-cased, where that begins
/// with `host` and a dot. Any other answer (an alias that leads elsewhere) is not taken: whoever answers for
/// the name must not choose which server's ticket is sent.
/// @return nothing where the resolver knows no such name
[[nodiscard]] std::optional<std::string> canonical_name(const std::string& host);

/// `host` in the domain that belongs to `realm`, e.g. "fs.lab.test" for "fs" and "LAB.TEST".
[[nodiscard]] std::string in_domain_of(std::string_view host, std::string_view realm);

/// The name that the server's address has in the reverse DNS, lower-cased; for `--trust-dns` only, since
/// whoever answers for that zone chooses which server's ticket is used.
/// @param address  textual IPv4 or IPv6 address
/// @errors EHOSTUNREACH (native: EAI_*) no name
[[nodiscard]] nsutil::Result<std::string> reverse_name(const std::string& address);

}  // namespace nsupcall
