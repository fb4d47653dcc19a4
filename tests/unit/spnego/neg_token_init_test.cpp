#include "spnego/neg_token_init.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace nsupcall {
namespace {

using Bytes = std::vector<std::byte>;
using View = std::span<const std::byte>;

std::string hex(View data) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (const auto byte : data) {
        out += kDigits[static_cast<unsigned>(byte) >> 4U];
        out += kDigits[static_cast<unsigned>(byte) & 15U];
    }
    return out;
}

/// Takes one element with this tag off the front and returns its contents. Written for the tests, so that the
/// encoder is not checked by itself.
View take(View& data, unsigned tag) {
    const auto at = [&](std::size_t index) {
        if (index >= data.size()) throw std::runtime_error("DER: too short");
        return static_cast<std::size_t>(data[index]);
    };
    if (at(0) != tag)
        throw std::runtime_error("DER: tag " + std::to_string(at(0)) + ", not " + std::to_string(tag));
    std::size_t length = at(1), head = 2;
    if (length >= 0x80) {
        const std::size_t count = length & 0x7fU;
        length = 0;
        for (std::size_t index = 0; index < count; ++index) length = length << 8U | at(2 + index);
        head += count;
        if (length < 0x80 || (count > 1 && length >> (8 * (count - 1)) == 0))
            throw std::runtime_error("DER: not the shortest length");
    }
    if (data.size() - head < length) throw std::runtime_error("DER: length past the end");
    const auto content = data.subspan(head, length);
    data = data.subspan(head + length);
    return content;
}

/// What a NegTokenInit holds.
struct Parsed {
    std::vector<std::string> mech_types;
    std::string inner_mech, token_id;
    Bytes ap_req;
};

Parsed parse(View token) {
    Parsed parsed;
    auto frame = take(token, 0x60);
    EXPECT_TRUE(token.empty());
    EXPECT_EQ("2b0601050502", hex(take(frame, 0x06)));  // 1.3.6.1.5.5.2
    auto choice = take(frame, 0xa0);                    // negTokenInit
    EXPECT_TRUE(frame.empty());
    auto init = take(choice, 0x30);
    EXPECT_TRUE(choice.empty());
    auto types_field = take(init, 0xa0);
    auto types = take(types_field, 0x30);
    while (!types.empty()) parsed.mech_types.push_back(hex(take(types, 0x06)));
    auto token_field = take(init, 0xa2);
    auto mech_token = take(token_field, 0x04);
    EXPECT_TRUE(init.empty() && types_field.empty() && token_field.empty());
    auto inner = take(mech_token, 0x60);
    EXPECT_TRUE(mech_token.empty());
    parsed.inner_mech = hex(take(inner, 0x06));
    parsed.token_id = hex(inner.first(2));
    parsed.ap_req.assign(inner.begin() + 2, inner.end());
    return parsed;
}

constexpr const char* kKrb5 = "2a864886f712010202";           // 1.2.840.113554.1.2.2
constexpr const char* kMicrosoftKrb5 = "2a864882f712010202";  // 1.2.840.48018.1.2.2

TEST(NegTokenInit, Krb5_OffersOneMechanism) {
    const Bytes ap_req(1500, std::byte{0x6e});
    const auto parsed = parse(wrap_in_neg_token_init(ap_req, Security::krb5));
    EXPECT_EQ(std::vector<std::string>{kKrb5}, parsed.mech_types);
    EXPECT_EQ(kKrb5, parsed.inner_mech);
    EXPECT_EQ("0100", parsed.token_id);
    EXPECT_EQ(ap_req, parsed.ap_req);
}

TEST(NegTokenInit, Mskrb5_OffersMicrosoftsFirst) {
    const Bytes ap_req(1500, std::byte{0x6e});
    const auto parsed = parse(wrap_in_neg_token_init(ap_req, Security::mskrb5));
    EXPECT_EQ((std::vector<std::string>{kMicrosoftKrb5, kKrb5}), parsed.mech_types);
    EXPECT_EQ(kKrb5, parsed.inner_mech);
    EXPECT_EQ(ap_req, parsed.ap_req);
}

TEST(NegTokenInit, LengthsAcrossTheEncodingsBounds) {
    for (const auto security : {Security::krb5, Security::mskrb5})
        for (std::size_t size :
             {0, 1, 60, 70, 80, 90, 100, 110, 127, 128, 200, 210, 220, 230, 240, 255, 256, 65000, 65535}) {
            const Bytes ap_req(size, std::byte{0x11});
            EXPECT_EQ(ap_req, parse(wrap_in_neg_token_init(ap_req, security)).ap_req) << size;
        }
}

TEST(NegTokenInit, SmallOne_ByteForByte) {
    const Bytes ap_req = {std::byte{0x6e}, std::byte{0x00}};
    EXPECT_EQ(
        "6030"              // [APPLICATION 0]
        "06062b0601050502"  // SPNEGO
        "a026"
        "3024"  // [0] negTokenInit
        "a00d"
        "300b"
        "06092a864886f712010202"  // mechTypes
        "a213"
        "0411"                    // mechToken
        "600f"                    // [APPLICATION 0]
        "06092a864886f712010202"  // krb5
        "0100"                    // KRB_AP_REQ
        "6e00",
        hex(wrap_in_neg_token_init(ap_req, Security::krb5)));
}

}  // namespace
}  // namespace nsupcall
