#pragma once
/// @file
/// A Kerberos AP-REQ as GSS-API initiators send it.

#include <krb5.h>

#include <cstddef>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// The AP-REQ for one service ticket, and the key that the session will use.
struct ApReq {
    std::vector<std::byte> message;   ///< DER, RFC 4120 5.5.1
    nsutil::SecretBytes session_key;  ///< the authenticator's sub-session key
};

/// Makes an AP-REQ with a fresh sub-session key and the checksum of RFC 4121, 4.1.1 (type 0x8003: no channel
/// bindings; replay, sequence, confidentiality and integrity asked for; no mutual authentication, whose
/// answer the SMB client would not read, and which lets the server choose another key).
/// @errors as key_errno_of() has them
[[nodiscard]] nsutil::Result<ApReq> make_ap_req(krb5_context context, krb5_creds& ticket);

}  // namespace nsupcall
