#include "keys/spnego_payload.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;
using Bytes = std::vector<std::byte>;

std::uint32_t word_at(const nsutil::SecretBytes& payload, std::size_t at) {
    std::uint32_t value = 0;
    std::memcpy(&value, payload.data() + at, sizeof value);
    return value;
}

TEST(SpnegoPayload, Layout) {
    const Bytes key(16, std::byte{0x11}), token(300, std::byte{0x22});
    const auto payload = must(make_spnego_payload(key, token));
    ASSERT_EQ(4 * 4 + 16 + 300U, payload.size());
    EXPECT_EQ(2U, word_at(payload, 0));
    EXPECT_EQ(0U, word_at(payload, 4));
    EXPECT_EQ(16U, word_at(payload, 8));
    EXPECT_EQ(300U, word_at(payload, 12));
    EXPECT_EQ(0, std::memcmp(payload.data() + 16, key.data(), key.size()));
    EXPECT_EQ(0, std::memcmp(payload.data() + 32, token.data(), token.size()));
}

TEST(SpnegoPayload, Limits) {
    struct {
        std::size_t key, token;
        bool fine;
    } const cases[] = {{1, 1, true},
                       {32, 2000, true},
                       {kSessionKeyLimit, kTokenLimit, true},
                       {0, 100, false},
                       {16, 0, false},
                       {0, 0, false},
                       {kSessionKeyLimit + 1, 100, false},
                       {16, kTokenLimit + 1, false}};
    for (const auto& [key, token, fine] : cases) {
        const auto payload = make_spnego_payload(Bytes(key), Bytes(token));
        ASSERT_EQ(fine, payload.has_value()) << key << ' ' << token;
        if (fine)
            EXPECT_EQ(16 + key + token, payload->size());
        else
            EXPECT_EQ(EINVAL, payload.error().code);
    }
}

}  // namespace
}  // namespace nsupcall
