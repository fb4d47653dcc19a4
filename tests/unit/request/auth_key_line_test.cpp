#include "request/auth_key_line.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;

// As a helper on Linux 6.18 saw it.
const std::string kProcKeys =
    "02466ae9 I--Q---    20 perm 3f030000     0     0 keyring   _req.452463932: 1\n"
    "055bad76 I------     1 perm 1f030000     0     0 keyring   .dns_resolver: empty\n"
    "08a89c90 I------     1 perm 0f0b0000     0     0 keyring   .blacklist: empty\n"
    "09bc397b I------    18 perm 1b010000     0     0 .request_ key:1af80d3c pid:23625 ci:4\n"
    "0f56b92a I------    18 perm 1b010000 65534     0 .request_ key:1126f176 pid:23647 ci:5\n"
    "1af80d3c ---QU--     3 perm 3f010000     0     0 user      cifs.spnego:ver=0x2;host=h;pid=0x1\n"
    "3f61788c I--Q---     1 perm 0c030000     0 65534 keyring   .user_reg: 2\n";

TEST(AuthKeyLine, Real) {
    const auto line = must(AuthKeyLine::find(kProcKeys, 0x1af80d3c));
    EXPECT_EQ(0x09bc397b, line.serial);
    EXPECT_EQ(0x1af80d3c, line.target);
    EXPECT_EQ(23625, line.tid);
    EXPECT_EQ(0U, line.uid);
    EXPECT_EQ(4U, line.callout_size);
    const auto other = must(AuthKeyLine::find(kProcKeys, 0x1126f176));
    EXPECT_EQ(23647, other.tid);
    EXPECT_EQ(65534U, other.uid);
}

TEST(AuthKeyLine, SerialWithoutLeadingZeros) {
    // The first column is padded, the number behind "key:" is not.
    const std::string text =
        "3ed01ecd I------     6 perm 1b010000     0     0 .request_ key:89b77a9 pid:9 ci:0\n";
    EXPECT_EQ(9, must(AuthKeyLine::find(text, 0x089b77a9)).tid);
}

TEST(AuthKeyLine, NotThere_IsEnoent) {
    for (const auto& text : {std::string(), std::string("\n\n"), kProcKeys}) {
        const auto line = AuthKeyLine::find(text, 0x1234);
        ASSERT_FALSE(line);
        EXPECT_EQ(ENOENT, line.error().code);
    }
}

TEST(AuthKeyLine, LastLineWithoutLineEnd) {
    const auto text = kProcKeys.substr(0, kProcKeys.size() - 1) +
                      "\n0aaaaaaa I------ 1 perm 1b010000 7 8 .request_ key:77 pid:5 ci:0";
    EXPECT_EQ(5, must(AuthKeyLine::find(text, 0x77)).tid);
}

TEST(AuthKeyLine, Malformed_IsNoLine) {
    const char* const lines[] = {
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5 ci:",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5 ci:0 x",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:0 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:-5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:2147483648 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:77 pid:0x5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:0x77 pid:5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ key:80000077 pid:5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_ pid:5 key:77 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 .request_key_auth key:77 pid:5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 0 keyring key:77 pid:5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 0 .request_ key:77 pid:5 ci:0",
        "0aaaaaaa I------ 1 perm 1b010000 x 0 .request_ key:77 pid:5 ci:0",
        "00000000 I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5 ci:0",
        "f0000000 I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5 ci:0",
        "nonsense I------ 1 perm 1b010000 0 0 .request_ key:77 pid:5 ci:0",
        ".request_ key:77 pid:5 ci:0",
    };
    for (const char* line : lines) {
        const auto found = AuthKeyLine::find(std::string(line) + "\n", 0x77);
        ASSERT_FALSE(found) << line;
        EXPECT_EQ(ENOENT, found.error().code) << line;
    }
}

TEST(AuthKeyLine, TwoThatFit_AreRefused) {
    // A description may hold a line end: add_key("user", "x\n<a made-up line>") shows as two lines.
    const std::string forged = "00000001 I------ 1 perm 1b010000 0 0 .request_ key:1af80d3c pid:1 ci:4\n";
    for (const auto& text : {forged + kProcKeys, kProcKeys + forged,
                             "0abcdef0 I--Q--- 1 perm 3f010000 1000 1000 user x\n" + forged + kProcKeys}) {
        const auto found = AuthKeyLine::find(text, 0x1af80d3c);
        ASSERT_FALSE(found);
        EXPECT_EQ(EPERM, found.error().code);
    }
}

TEST(AuthKeyLine, TextPastTheLimit_IsRefused) {
    const auto found = AuthKeyLine::find(std::string(AuthKeyLine::kTextLimit + 1, '\n'), 0x77);
    ASSERT_FALSE(found);
    EXPECT_EQ(EINVAL, found.error().code);
}

}  // namespace
}  // namespace nsupcall
