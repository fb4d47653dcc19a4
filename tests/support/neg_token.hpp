#pragma once
/// @file
/// Just enough DER to see what a NegTokenInit offers. Written against the RFC alone, so that it shares no
/// mistake with the code under test.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall::test {

inline constexpr std::string_view kOidKrb5 = "1.2.840.113554.1.2.2";
inline constexpr std::string_view kOidMsKrb5 = "1.2.840.48018.1.2.2";

struct NegToken {
    std::vector<std::string> mech_types;  ///< dotted, in the order offered
    std::string mech_token;               ///< with its own GSS framing
};

/// Parses a GSS-API initial token of SPNEGO.
/// @errors  EBADMSG not such a token, or bytes after its end
/// @source  RFC 4178 section 4.2.1, RFC 2743 section 3.1
[[nodiscard]] nsutil::Result<NegToken> parse_neg_token_init(std::string_view bytes);

}  // namespace nsupcall::test
