#pragma once
/// @file
/// What the server does with the kernel's token: the payload of the key, accepted by the service's keytab.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// struct cifs_spnego_msg of the kernel, taken apart.
/// @source  Linux fs/smb/client/cifs_spnego.h: u32 version, flags, sesskey_len, secblob_len, then both, in
///          the machine's byte order
struct SpnegoPayload {
    std::uint32_t version = 0;
    std::uint32_t flags = 0;
    std::string session_key;
    std::string blob;
};

/// @param padding  bytes after the end that are let pass; cifs-utils sends 4 (its header ends in a padded
/// array)
/// @errors  EBADMSG too short, or longer than its lengths say
[[nodiscard]] nsutil::Result<SpnegoPayload> parse_payload(const std::string& bytes, std::size_t padding = 0);

/// What the acceptor learnt.
struct AcceptedToken {
    std::string client;                   ///< principal of the initiator
    std::string service;                  ///< principal that the ticket was for
    std::string session_key;              ///< sub-session key of the initiator, as the server sees it
    std::vector<std::string> mech_types;  ///< offered in the NegTokenInit, dotted
    std::uint32_t gss_flags = 0;          ///< GSS_C_*_FLAG that the initiator asked for
};

/// Accepts the blob twice, by gss_accept_sec_context (as a SPNEGO server does) and by krb5_rd_req (which
/// shows the authenticator's subkey); both must agree. Needs no KDC.
///
/// @param krb5_conf  configuration of the realm; set as KRB5_CONFIG of this process
/// @errors  EACCES the acceptor refuses; EBADMSG the token is not well-formed, or the two do not agree
[[nodiscard]] nsutil::Result<AcceptedToken> accept_token(const std::string& blob,
                                                         const std::filesystem::path& keytab,
                                                         const std::filesystem::path& krb5_conf);

}  // namespace nsupcall::test
