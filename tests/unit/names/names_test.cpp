#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "names/address_lookup.hpp"
#include "names/dns_answer.hpp"
#include "names/dns_payload.hpp"
#include "names/name_query.hpp"

namespace nsupcall {
namespace {

TEST(NameQuery, Name_IsAskedForOneAddressOfAnyKind) {
    const auto query = NameQuery::parse("fs.example.org.");
    ASSERT_TRUE(query);
    EXPECT_EQ("fs.example.org", query->name);
    EXPECT_EQ("", query->type);
    EXPECT_TRUE(query->ipv4 && query->ipv6 && !query->list && !query->is_address);
}

TEST(NameQuery, Options_AreWords) {
    EXPECT_TRUE(NameQuery::parse("x", "list")->list);
    EXPECT_FALSE(NameQuery::parse("x", "lists")->list);
    EXPECT_FALSE(NameQuery::parse("x", "ipv4")->ipv6);
    EXPECT_FALSE(NameQuery::parse("x", "ipv6 list")->ipv4);
    EXPECT_TRUE(NameQuery::parse("x", "ipv4 ipv6")->ipv6);
}

TEST(NameQuery, TypeAndAddress_AreToldApart) {
    EXPECT_EQ("afsdb", NameQuery::parse("afsdb:example.org")->type);
    EXPECT_TRUE(NameQuery::parse("fd00::1")->is_address);
    EXPECT_TRUE(NameQuery::parse("10.0.0.1")->is_address);
    EXPECT_EQ("dead", NameQuery::parse("dead:beef")->type);
}

TEST(NameQuery, Malformed_IsEinval) {
    for (const auto* text :
         {"", ".", "a b", "a/b", "a\\b", "a@b", "a,b", "a#b", "\x7f", "a\nb", ":x", "a:", "a-b:c", "a:b:c"})
        EXPECT_FALSE(NameQuery::parse(text)) << text;
    EXPECT_FALSE(NameQuery::parse(std::string(256, 'a')));
    EXPECT_TRUE(NameQuery::parse(std::string(255, 'a')));
}

TEST(DnsPayload, Addresses_ArePartedByCommasAndEndWithNul) {
    const std::vector<std::string> texts = {"10.0.0.1", "fd00::1", "fe80::1%2"};
    const auto payload = make_dns_payload(texts);
    ASSERT_TRUE(payload);
    EXPECT_EQ(std::string_view("10.0.0.1,fd00::1,fe80::1%2\0", 27),
              std::string_view(reinterpret_cast<const char*>(payload->data()), payload->size()));
}

TEST(DnsPayload, WhatIsNoAddress_IsEproto) {
    for (const auto* text :
         {"", "host", "10.0.0.1#dnserror=1", "10.0.0.1,10.0.0.2", "fe80::1%eth0", "10.0.0.1 "}) {
        const std::vector<std::string> texts = {text};
        EXPECT_FALSE(make_dns_payload(texts)) << text;
    }
    EXPECT_FALSE(make_dns_payload({}));
}

TEST(HostsFile, Name_IsFoundAsAWordBehindAnAddress) {
    constexpr std::string_view kText =
        "10.0.0.1\tfs FS.lab.test # comment other\n#10.0.0.2 gone\n10.0.0.3 last";
    for (const auto* name : {"fs", "fs.LAB.test", "last"}) EXPECT_TRUE(hosts_file_names(kText, name)) << name;
    for (const auto* name : {"10.0.0.1", "other", "gone", "f", "", "lab.test"})
        EXPECT_FALSE(hosts_file_names(kText, name)) << name;
}

/// A message with one question and these answer records.
std::vector<unsigned char> message(const std::vector<std::vector<unsigned char>>& answers) {
    std::vector<unsigned char> bytes = {
        0,   1,   0x81, 0x80, 0, 1, 0, static_cast<unsigned char>(answers.size()), 0, 0, 0, 0, 2,
        'f', 's', 0,    0,    1, 0, 1};
    for (const auto& answer : answers) bytes.insert(bytes.end(), answer.begin(), answer.end());
    return bytes;
}
std::vector<unsigned char> record(unsigned char type, const std::array<unsigned char, 4>& ttl,
                                  unsigned char size) {
    std::vector<unsigned char> bytes;
    for (const int byte : {0xc0, 12, 0, int{type}, 0, 1}) bytes.push_back(static_cast<unsigned char>(byte));
    for (const auto byte : ttl) bytes.push_back(byte);
    bytes.push_back(0);
    bytes.push_back(size);
    bytes.resize(bytes.size() + size, 7);
    return bytes;
}

TEST(DnsAnswer, ShortestTtl_OfAddressesAndAliases) {
    EXPECT_EQ(300U, shortest_ttl(message({record(1, {0, 0, 1, 44}, 4)})));
    EXPECT_EQ(10U, shortest_ttl(message({record(5, {0, 0, 0, 10}, 2), record(28, {0, 0, 1, 44}, 16)})));
    EXPECT_EQ(0U, shortest_ttl(message({record(1, {0x80, 0, 0, 9}, 4)})));
}

TEST(DnsAnswer, WithoutAnAddress_TellsNothing) {
    EXPECT_FALSE(shortest_ttl(message({})));
    EXPECT_FALSE(shortest_ttl(message({record(5, {0, 0, 0, 10}, 2)})));
    EXPECT_FALSE(shortest_ttl(message({record(16, {0, 0, 0, 10}, 2)})));
    EXPECT_FALSE(shortest_ttl({}));
}

TEST(DnsAnswer, CutAnywhere_TellsNothing) {
    const auto whole = message({record(5, {0, 0, 0, 10}, 2), record(28, {0, 0, 1, 44}, 16)});
    for (std::size_t size = 0; size < whole.size(); ++size)
        EXPECT_FALSE(shortest_ttl(std::span(whole).first(size))) << size;
}

}  // namespace
}  // namespace nsupcall
