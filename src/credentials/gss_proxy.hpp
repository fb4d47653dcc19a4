#pragma once
/// @file
/// Tokens made by a gssproxy daemon, which holds keytabs that its clients never see.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// An AP-REQ and the key of its session, not made from a ticket of ours.
struct GssToken {
    std::vector<std::byte> ap_req;
    nsutil::SecretBytes session_key;
    std::string client, server;  ///< principals
    std::int64_t expires = 0;    ///< end of the context, Unix time in seconds
};

/// Loads GSS-API and gssproxy's interposer from the host's library directories. To be called with the host's
/// view: after the boundary no library can be loaded, which is what keeps a container's out.
/// @errors ENOKEY one of them is not installed on the host
[[nodiscard]] nsutil::Result<void> load_gssproxy();

/// Whether load_gssproxy() has succeeded in this process.
[[nodiscard]] bool gssproxy_is_loaded();

/// Has the daemon whose socket the namespace shows (/var/lib/gssproxy/default.sock) make a token. It tells
/// its clients apart by the uid that its own namespace gives them.
/// @param service  "cifs@host", or "service@host"
/// @errors ENOKEY no daemon, or it has no credentials for this user; EKEYREJECTED, EHOSTUNREACH, ...
[[nodiscard]] nsutil::Result<GssToken> token_from_gssproxy(const std::string& service);

}  // namespace nsupcall
