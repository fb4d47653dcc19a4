#include "request/key_description.hpp"

#include <gtest/gtest.h>

#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;

TEST(KeyDescription, EveryField) {
    const auto key =
        must(KeyDescription::parse("cifs.spnego;65534;4294967295;39010000;ver=0x2;host=h;pid=0x1"));
    EXPECT_EQ("cifs.spnego", key.type);
    EXPECT_EQ(65534U, key.uid);
    EXPECT_EQ(4294967295U, key.gid);
    EXPECT_EQ(0x39010000U, key.permissions);
    EXPECT_EQ("ver=0x2;host=h;pid=0x1", key.description);
}

TEST(KeyDescription, DescriptionOfAnyKind) {
    EXPECT_EQ("", must(KeyDescription::parse("user;0;0;3f010000;")).description);
    EXPECT_EQ(";;;", must(KeyDescription::parse("user;0;0;3f010000;;;;")).description);
    EXPECT_EQ(".cifs_spnego", must(KeyDescription::parse("keyring;0;0;1f030000;.cifs_spnego")).description);
}

TEST(KeyDescription, Malformed_IsEinval) {
    for (const char* text :
         {"", ";", "user", "user;0;0;3f010000", "user;0;0", ";0;0;3f010000;d", "user;;0;3f010000;d",
          "user;0;;3f010000;d", "user;0;0;;d", "user;-1;0;3f010000;d", "user;0;-1;3f010000;d",
          "user;4294967296;0;3f010000;d", "user;0;0;0x3f010000;d", "user;0;0;1ffffffff;d", "user;0;0;g;d",
          "user; 0;0;3f010000;d", "user;0 ;0;3f010000;d"}) {
        const auto key = KeyDescription::parse(text);
        ASSERT_FALSE(key) << text;
        EXPECT_EQ(EINVAL, key.error().code) << text;
    }
}

TEST(KeyDescription, Limit) {
    const std::string front = "user;0;0;3f010000;";
    EXPECT_TRUE(KeyDescription::parse(front + std::string(KeyDescription::kTextLimit - front.size(), 'x')));
    EXPECT_FALSE(
        KeyDescription::parse(front + std::string(KeyDescription::kTextLimit - front.size() + 1, 'x')));
}

}  // namespace
}  // namespace nsupcall
