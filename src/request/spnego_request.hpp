#pragma once
/// @file
/// The description of a `cifs.spnego` key: what the kernel wants a token for.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

/// Which mechanism the mount asked for.
enum class Security : std::uint8_t {
    krb5,    ///< krb5 OID
    mskrb5,  ///< Microsoft's krb5 OID first
    iakerb,  ///< parsed, so that it can be refused with a reason
};

/// Whose credentials the mount wants: those of the process that acts, or the host's.
/// absent: kernels before 6.12 have no such field; it means `app`.
enum class UpcallTarget : std::uint8_t { absent, app, mount };

/// One request, as Linux fs/smb/client/cifs_spnego.c (cifs_get_spnego_key) prints it:
/// `ver=0x2;host=%s;ip4=%pI4|ip6=%pI6;sec=%s;uid=0x%x;creduid=0x%x[;user=%s];pid=0x%x[;upcall_target=%s]`.
struct SpnegoRequest {
    static constexpr std::size_t kHostLimit = 255;  ///< bytes of a DNS name
    static constexpr std::size_t kUserLimit = 255;  ///< bytes; CIFS_MAX_USERNAME_LEN less the NUL

    std::string host;     ///< server name as mounted; no blanks or control characters
    std::string address;  ///< textual IPv4 or IPv6 address of the server, normalised
    Security security = Security::krb5;
    std::uint32_t uid = 0;      ///< uid= mount option, or the mounter: host id; informational
    std::uint32_t creduid = 0;  ///< host id of the user whose credentials are wanted
    std::string user;           ///< username= of the mount; empty where absent
    pid_t tid = 0;              ///< thread id of the requester, in the initial pid namespace
    UpcallTarget target = UpcallTarget::absent;

    /// Strict and by position. `host=` and `user=` are not escaped by the kernel, so a ';' in a user
    /// name could bring fields in: every field must be the next one expected, exactly once, well-formed.
    /// @errors EINVAL with the field that is wrong
    [[nodiscard]] static nsutil::Result<SpnegoRequest> parse(std::string_view description);
};

}  // namespace nsupcall
