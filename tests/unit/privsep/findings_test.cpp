#include "privsep/findings.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "privsep/reply.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

Findings sample() {
    Findings findings;
    findings.client = "alice@LAB.TEST";
    findings.server = "cifs/fs.lab.test@LAB.TEST";
    findings.expires = 1'800'000'000;
    findings.has_ticket = true;
    findings.default_realm = findings.realm = "LAB.TEST";
    findings.kdcs = {{"LAB.TEST", "kdc:88", "10.0.0.1 port 88", KdcState::refuses, "connection refused"}};
    findings.files = {{3, 1000, 0100600, 42}};
    return findings;
}

TEST(Findings, RoundTrip_KeepsEverything) {
    const auto findings = sample();
    const auto read = decode_findings(encode_findings(findings));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(findings, *read);
}

TEST(Findings, EveryTruncation_IsRefused) {
    const auto bytes = encode_findings(sample());
    for (std::size_t size = 0; size < bytes.size(); ++size)
        EXPECT_FALSE(decode_findings(std::span(bytes).first(size))) << size;
    auto longer = bytes;
    longer.push_back(std::byte{0});
    EXPECT_FALSE(decode_findings(longer));
}

TEST(Findings, WhatNoWorkerWouldSay_IsRefused) {
    const auto refused = [](const std::function<void(Findings&)>& change) {
        auto findings = sample();
        change(findings);
        const auto read = decode_findings(encode_findings(findings));
        return !read && read.error().code == EPROTO;
    };
    EXPECT_TRUE(refused([](Findings& one) { one.code = 4095; }));
    EXPECT_TRUE(refused([](Findings& one) { one.code = -1; }));
    EXPECT_TRUE(refused([](Findings& one) { one.client.clear(); }));
    EXPECT_TRUE(refused([](Findings& one) { one.kdcs[0].state = static_cast<KdcState>(kKdcStates); }));
    EXPECT_TRUE(refused([](Findings& one) { one.files[0].candidate = Trace::kCandidatesMost; }));
    EXPECT_TRUE(refused([](Findings& one) { one.files[0].mode = 0x10000; }));
    EXPECT_FALSE(refused([](Findings&) {}));
}

TEST(Findings, TheMostThereCanBe_FitsIntoAReply) {
    auto findings = sample();
    const std::string text(2000, 'x');
    findings.message = findings.client = findings.server = findings.realm = findings.default_realm = text;
    findings.kdcs.assign(100, {text, text, text, KdcState::silent, text});
    findings.files.assign(1000, {1, 2, 3, 4});
    const auto bytes = encode_findings(findings);
    const auto read = decode_findings(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(kFindingsKdcsMost, read->kdcs.size());
    EXPECT_EQ(Trace::kCandidatesMost, read->files.size());
    Reply reply;
    reply.payload = bytes;
    EXPECT_TRUE(decode_reply(encode_reply(reply))) << bytes.size();
}

}  // namespace
}  // namespace nsupcall
