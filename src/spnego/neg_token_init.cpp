#include "spnego/neg_token_init.hpp"

#include <array>

#include "spnego/der.hpp"

namespace nsupcall {
namespace {

template <class... Byte>
constexpr auto bytes(Byte... value) {
    return std::array<std::byte, sizeof...(value)>{static_cast<std::byte>(value)...};
}

// Object identifiers with their DER tag and length.
constexpr auto kSpnego = bytes(0x06, 0x06, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x02);  // 1.3.6.1.5.5.2
constexpr auto kKrb5 =
    bytes(0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02);  // 1.2.840.113554.1.2.2
constexpr auto kMicrosoftKrb5 =
    bytes(0x06, 0x09, 0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 0x01, 0x02, 0x02);  // 1.2.840.48018.1.2.2
constexpr auto kApReqTokenId = bytes(0x01, 0x00);                             // RFC 4121, 4.1

}  // namespace

std::vector<std::byte> wrap_in_neg_token_init(std::span<const std::byte> ap_req, Security security) {
    using der::context, der::element;
    const auto mech_token = element(der::kApplication0, {kKrb5, kApReqTokenId, ap_req});
    const auto mech_types = security == Security::mskrb5 ? element(der::kSequence, {kMicrosoftKrb5, kKrb5})
                                                         : element(der::kSequence, {kKrb5});
    const auto types_field = element(context(0), {mech_types});
    const auto token_field = element(context(2), {element(der::kOctetString, {mech_token})});
    const auto init = element(context(0), {element(der::kSequence, {types_field, token_field})});
    return element(der::kApplication0, {kSpnego, init});
}

}  // namespace nsupcall
