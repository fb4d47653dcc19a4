#pragma once
/// @file
/// SPNEGO's first message around a Kerberos AP-REQ.

#include <cstddef>
#include <span>
#include <vector>

#include "request/spnego_request.hpp"

namespace nsupcall {

/// Wraps an AP-REQ (DER, RFC 4120) into the GSS-API frame of the krb5 mechanism (RFC 4121, 4.1) and that
/// into a NegTokenInit (RFC 4178, 4.2.1) with it as the mechToken.
///
/// `krb5` offers 1.2.840.113554.1.2.2 alone. `mskrb5` offers Microsoft's 1.2.840.48018.1.2.2 first and the
/// former behind it ([MS-SPNG] 3.1.5.2); the inner frame names the krb5 mechanism in both cases.
[[nodiscard]] std::vector<std::byte> wrap_in_neg_token_init(std::span<const std::byte> ap_req,
                                                            Security security);

}  // namespace nsupcall
