#include "keys/spnego_payload.hpp"

#include <array>
#include <cstring>

namespace nsupcall {

nsutil::Result<nsutil::SecretBytes> make_spnego_payload(std::span<const std::byte> session_key,
                                                        std::span<const std::byte> token) {
    if (session_key.empty() || session_key.size() > kSessionKeyLimit)
        return nsutil::fail(EINVAL, "session key of " + std::to_string(session_key.size()) + " bytes");
    if (token.empty() || token.size() > kTokenLimit)
        return nsutil::fail(EINVAL, "token of " + std::to_string(token.size()) + " bytes");
    // The kernel compares the version (CIFS_SPNEGO_UPCALL_VERSION) and refuses every other with EKEYREJECTED.
    constexpr std::uint32_t kVersion = 2, kFlags = 0;
    const std::array<std::uint32_t, 4> header = {kVersion, kFlags,
                                                 static_cast<std::uint32_t>(session_key.size()),
                                                 static_cast<std::uint32_t>(token.size())};
    nsutil::SecretBytes payload(sizeof header + session_key.size() + token.size());
    auto* at = payload.data();
    std::memcpy(at, header.data(), sizeof header);
    std::memcpy(at += sizeof header, session_key.data(), session_key.size());
    std::memcpy(at + session_key.size(), token.data(), token.size());
    return payload;
}

}  // namespace nsupcall
