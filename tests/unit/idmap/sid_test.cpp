#include "idmap/sid.hpp"

#include <gtest/gtest.h>

namespace nsupcall {
namespace {

TEST(Sid, Parse_ReadsWhatTextWrites) {
    for (const auto* text :
         {"S-1-1-0", "S-1-5-18", "S-1-5-21-2780405179-2588384321-540659623-500", "S-1-22-1-4294967294",
          "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15", "S-1-4294967295-7", "S-1-0x000100000000-7"}) {
        const auto sid = Sid::parse(text);
        ASSERT_TRUE(sid) << text;
        EXPECT_EQ(text, sid->text());
        const auto again = Sid::from_bytes(sid->bytes());
        ASSERT_TRUE(again) << text;
        EXPECT_EQ(*sid, *again);
    }
}

TEST(Sid, Parse_Malformed_IsEinval) {
    for (const auto* text : {"",
                             "S",
                             "S-1",
                             "S-1-",
                             "S-1-5",
                             "S-1-5-",
                             "S-2-5-18",
                             "s-1-5-18",
                             "S-1-5-18-",
                             "S-1-5--18",
                             "S-1-5-018",
                             "S-1-05-18",
                             "S-1-5-4294967296",
                             "S-1-281474976710656-1",
                             "S-1-0x1000000000000-1",
                             "S-1-5-0x12",
                             "S-1-5-+1",
                             "S-1-5- 1",
                             "S-1-5-18 ",
                             "S-1-5-1-2-3-4-5-6-7-8-9-10-11-12-13-14-15-16",
                             "S-1--1-1"}) {
        const auto sid = Sid::parse(text);
        ASSERT_FALSE(sid) << text;
        EXPECT_EQ(EINVAL, sid.error().code) << text;
    }
}

TEST(Sid, Bytes_AreTheKernelsStructWithAsManySubAuthoritiesAsThereAre) {
    const auto bytes = Sid(5, {21, 0x01020304}).bytes();
    const std::vector<std::byte> expected = {std::byte{1},  std::byte{2}, std::byte{0}, std::byte{0},
                                             std::byte{0},  std::byte{0}, std::byte{0}, std::byte{5},
                                             std::byte{21}, std::byte{0}, std::byte{0}, std::byte{0},
                                             std::byte{4},  std::byte{3}, std::byte{2}, std::byte{1}};
    EXPECT_EQ(expected, bytes);
}

TEST(Sid, FromBytes_OfAnotherLengthOrCount_IsEinval) {
    auto bytes = Sid(5, {21, 7}).bytes();
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(Sid::from_bytes(bytes));
    bytes.resize(15);
    EXPECT_FALSE(Sid::from_bytes(bytes));
    bytes.resize(8);
    bytes[1] = std::byte{0};
    EXPECT_FALSE(Sid::from_bytes(bytes));
    bytes.resize(8 + 4 * 16);
    bytes[1] = std::byte{16};
    EXPECT_FALSE(Sid::from_bytes(bytes));
    EXPECT_FALSE(Sid::from_bytes({}));
}

TEST(Sid, SameDomain_LooksAtAllButTheRid) {
    const Sid sid(5, {21, 1, 2, 3, 500});
    EXPECT_TRUE(sid.same_domain(Sid(5, {21, 1, 2, 3, 513})));
    EXPECT_FALSE(sid.same_domain(Sid(5, {21, 1, 2, 4, 500})));
    EXPECT_FALSE(sid.same_domain(Sid(5, {21, 1, 2, 3, 500, 1})));
    EXPECT_FALSE(sid.same_domain(Sid(6, {21, 1, 2, 3, 500})));
    EXPECT_EQ(513U, sid.with_rid(513).rid());
}

}  // namespace
}  // namespace nsupcall
