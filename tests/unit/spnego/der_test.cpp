#include "spnego/der.hpp"

#include <gtest/gtest.h>

#include <string>

namespace nsupcall::der {
namespace {

Bytes bytes(std::initializer_list<unsigned> values) {
    Bytes out;
    for (const unsigned value : values) out.push_back(static_cast<std::byte>(value));
    return out;
}

TEST(DerElement, Empty) {
    EXPECT_EQ(bytes({0x30, 0x00}), element(kSequence, {}));
}

TEST(DerElement, PartsAreJoined) {
    const auto first = bytes({1, 2}), none = bytes({}), last = bytes({3});
    EXPECT_EQ(bytes({0x04, 0x03, 1, 2, 3}), element(kOctetString, {first, none, last}));
}

TEST(DerElement, Nested) {
    // SEQUENCE { OCTET STRING "a", OBJECT IDENTIFIER 1.2 }
    const auto text = element(kOctetString, {bytes({'a'})}),
               oid = element(kObjectIdentifier, {bytes({0x2a})});
    EXPECT_EQ(bytes({0x30, 0x06, 0x04, 0x01, 'a', 0x06, 0x01, 0x2a}), element(kSequence, {text, oid}));
}

TEST(DerElement, Length_IsTheShortestForm) {
    struct {
        std::size_t size;
        Bytes head;
    } const cases[] = {
        {1, bytes({0x04, 0x01})},
        {127, bytes({0x04, 0x7f})},
        {128, bytes({0x04, 0x81, 0x80})},
        {255, bytes({0x04, 0x81, 0xff})},
        {256, bytes({0x04, 0x82, 0x01, 0x00})},
        {65535, bytes({0x04, 0x82, 0xff, 0xff})},
        {65536, bytes({0x04, 0x83, 0x01, 0x00, 0x00})},
        {16777216, bytes({0x04, 0x84, 0x01, 0x00, 0x00, 0x00})},
    };
    for (const auto& [size, head] : cases) {
        const Bytes content(size, std::byte{0x55});
        const auto made = element(kOctetString, {content});
        ASSERT_EQ(head.size() + size, made.size()) << size;
        EXPECT_TRUE(std::equal(head.begin(), head.end(), made.begin())) << size;
        EXPECT_EQ(std::byte{0x55}, made.back()) << size;
    }
}

TEST(DerContext, Tags) {
    EXPECT_EQ(0xa0, context(0));
    EXPECT_EQ(0xa2, context(2));
    EXPECT_EQ(0xbe, context(30));
}

}  // namespace
}  // namespace nsupcall::der
