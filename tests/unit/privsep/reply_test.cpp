#include "privsep/reply.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "keys/spnego_payload.hpp"
#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;
using Bytes = std::vector<std::byte>;

Reply with_token() {
    Reply reply;
    reply.session_key.assign(32, std::byte{0x11});
    reply.token.assign(2000, std::byte{0x22});
    reply.client = "labu1@LAB.TEST";
    reply.server = "cifs/fs.lab.test@LAB.TEST";
    reply.expires = 1'800'000'000;
    reply.trace.add({"KRB5CCNAME", "FILE:/tmp/x", Verdict::absent, "", 0, "no such file"});
    reply.trace.add({"default", "FILE:/tmp/krb5cc_0", Verdict::used, "labu1@LAB.TEST", 1'800'000'000, ""});
    reply.trace.set_dropped(3);
    reply.tickets.assign(500, std::byte{0x44});
    reply.tickets_expire = 1'800'000'001;
    return reply;
}

Reply with_failure() {
    Reply reply;
    reply.code = EKEYEXPIRED;
    reply.message = "all tickets have expired";
    reply.trace.add({"default", "FILE:/tmp/krb5cc_0", Verdict::expired, "labu1@LAB.TEST", 5, ""});
    return reply;
}

Reply with_payload() {
    Reply reply;
    reply.payload.assign(100, std::byte{0x33});
    reply.expires = 60;
    return reply;
}

Reply with_forbidden_call() {
    Reply reply;
    reply.end = WorkerEnd::forbidden_call;
    reply.code = EACCES;
    reply.forbidden_call = 101;
    return reply;
}

void expect_same(const Reply& a, const Reply& b) {
    EXPECT_EQ(a.end, b.end);
    EXPECT_EQ(a.code, b.code);
    EXPECT_EQ(a.forbidden_call, b.forbidden_call);
    EXPECT_EQ(a.message, b.message);
    EXPECT_EQ(a.session_key, b.session_key);
    EXPECT_EQ(a.token, b.token);
    EXPECT_EQ(a.payload, b.payload);
    EXPECT_EQ(a.tickets, b.tickets);
    EXPECT_EQ(a.tickets_expire, b.tickets_expire);
    EXPECT_EQ(a.client, b.client);
    EXPECT_EQ(a.server, b.server);
    EXPECT_EQ(a.expires, b.expires);
    EXPECT_EQ(a.trace, b.trace);
}

TEST(Reply, ComesBackAsItWas) {
    for (const auto& reply : {with_token(), with_failure(), with_payload(), with_forbidden_call()}) {
        const auto decoded = decode_reply(encode_reply(reply));
        ASSERT_TRUE(decoded) << decoded.error().text();
        expect_same(reply, *decoded);
    }
}

TEST(Reply, LongTexts_AreCutWhenEncoded) {
    auto reply = with_failure();
    reply.message.assign(kReplyTextLimit + 1, 'm');
    const auto decoded = must(decode_reply(encode_reply(reply)));
    EXPECT_EQ(std::string(kReplyTextLimit, 'm'), decoded.message);
}

TEST(Reply, LargestOfAll_FitsIntoTheLimit) {
    const std::string longest(10 * kReplyTextLimit, 'x');
    Reply reply;
    reply.session_key.assign(kSessionKeyLimit, std::byte{1});
    reply.token.assign(kTokenLimit, std::byte{2});
    reply.client = reply.server = reply.message = longest;
    for (std::size_t count = 0; count < Trace::kCandidatesMost; ++count)
        reply.trace.add({longest, longest, Verdict::good, longest, INT64_MAX, longest});
    const auto message = encode_reply(reply);
    EXPECT_LE(message.size(), kReplyLimit);
    EXPECT_TRUE(decode_reply(message));
}

TEST(Reply, Cut_IsRefusedAtEveryLength) {
    for (const auto& reply : {with_token(), with_failure(), with_payload()}) {
        const auto message = encode_reply(reply);
        for (std::size_t size = 0; size < message.size(); ++size) {
            const auto decoded = decode_reply(std::span(message).first(size));
            ASSERT_FALSE(decoded) << size;
            ASSERT_EQ(EPROTO, decoded.error().code) << size;
        }
    }
}

TEST(Reply, BytesLeftOver_AreRefused) {
    auto message = encode_reply(with_token());
    message.push_back(std::byte{0});
    EXPECT_EQ(EPROTO, decode_reply(message).error().code);
}

TEST(Reply, TooLong_IsRefusedUnread) {
    auto message = encode_reply(with_token());
    message.resize(kReplyLimit + 1);
    const auto decoded = decode_reply(message);
    ASSERT_FALSE(decoded);
    EXPECT_TRUE(decoded.error().what.ends_with("too long")) << decoded.error().what;
}

TEST(Reply, AnswersThatMakeNoSense_AreRefused) {
    struct {
        const char* what;
        void (*spoil)(Reply&);
    } const cases[] = {
        {"a negative code", [](Reply& r) { r.code = -1; }},
        {"the smallest code", [](Reply& r) { r.code = INT32_MIN; }},
        {"a code that is no errno", [](Reply& r) { r.code = 4095; }},
        {"success without anything", [](Reply& r) { r.code = 0; }},
        {"success that ran out of time",
         [](Reply& r) {
             r = with_token();
             r.end = WorkerEnd::out_of_time;
         }},
        {"success that made a forbidden call",
         [](Reply& r) {
             r = with_payload();
             r.end = WorkerEnd::forbidden_call;
         }},
        {"a token without a key",
         [](Reply& r) {
             r = with_token();
             r.session_key.clear();
         }},
        {"a key without a token",
         [](Reply& r) {
             r = with_token();
             r.token.clear();
         }},
        {"a token and a payload", [](Reply& r) { (r = with_token()).payload.assign(1, std::byte{1}); }},
        {"a payload and a key", [](Reply& r) { (r = with_payload()).session_key.assign(1, std::byte{1}); }},
        {"a failure with a token", [](Reply& r) { (r = with_token()).code = ENOKEY; }},
        {"a failure with a key", [](Reply& r) { r.session_key.assign(1, std::byte{1}); }},
        {"a failure with a payload", [](Reply& r) { (r = with_payload()).code = ENOKEY; }},
        {"a key past its limit",
         [](Reply& r) { (r = with_token()).session_key.assign(kSessionKeyLimit + 1, std::byte{1}); }},
        {"a token past its limit",
         [](Reply& r) { (r = with_token()).token.assign(kTokenLimit + 1, std::byte{1}); }},
        {"a payload past its limit",
         [](Reply& r) { (r = with_payload()).payload.assign(kPayloadLimit + 1, std::byte{1}); }},
        {"an end that is none", [](Reply& r) { r.end = static_cast<WorkerEnd>(3); }},
    };
    for (const auto& [what, spoil] : cases) {
        auto reply = with_failure();
        spoil(reply);
        const auto decoded = decode_reply(encode_reply(reply));
        ASSERT_FALSE(decoded) << what;
        EXPECT_EQ(EPROTO, decoded.error().code) << what;
    }
}

/// Writes `value` over the 32-bit number at `at`.
void patch(nsutil::SecretBytes& message, std::size_t at, std::uint32_t value) {
    std::memcpy(message.data() + at, &value, sizeof value);
}

TEST(Reply, ForgedNumbers_AreRefused) {
    // With no text and no bytes, every length and count of a failure stands at a known place.
    Reply bare;
    bare.code = ENOKEY;
    const auto good = encode_reply(bare);
    ASSERT_EQ(68U, good.size());
    ASSERT_TRUE(decode_reply(good));
    struct {
        const char* what;
        std::size_t at;
    } const lengths[] = {{"message", 16}, {"key", 20},    {"token", 24},  {"payload", 28},
                         {"tickets", 32}, {"client", 44}, {"server", 48}, {"candidates", 60}};
    for (const auto& [what, at] : lengths)
        for (const std::uint32_t value :
             {1U, 8U, 65U, 512U, 65535U, 0x7fffffffU, 0x80000000U, 0xfffffffcU, 0xffffffffU}) {
            auto message = good;
            patch(message, at, value);
            EXPECT_FALSE(decode_reply(message)) << what << ' ' << value;
        }
    auto message = good;
    patch(message, 0, kReplyMagic + 1);
    EXPECT_FALSE(decode_reply(message));
    // How many candidates were dropped is only told, never used for anything.
    message = good;
    patch(message, 64, 0xffffffffU);
    EXPECT_EQ(0xffffffffU, must(decode_reply(message)).trace.dropped());
}

TEST(Reply, CandidateWithAVerdictThatIsNone_IsRefused) {
    Reply reply;
    reply.code = ENOKEY;
    reply.trace.add({"", "", static_cast<Verdict>(kVerdicts), "", 0, ""});
    EXPECT_FALSE(decode_reply(encode_reply(reply)));
}

TEST(Reply, WhateverIsAccepted_IsWhatWouldHaveBeenSent) {
    // Bytes turned at random, by a fixed seed: accepted or not, nothing else is allowed to happen, and what
    // is accepted has one encoding only.
    std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same run every time
    int accepted = 0;
    for (const auto& reply : {with_token(), with_failure(), with_payload(), with_forbidden_call()}) {
        const auto good = encode_reply(reply);
        for (int round = 0; round < 5000; ++round) {
            auto message = good;
            const int changes = 1 + static_cast<int>(random() % 3);
            for (int change = 0; change < changes; ++change)
                message[random() % message.size()] ^= static_cast<std::byte>(1U << (random() % 8));
            const auto decoded = decode_reply(message);
            if (!decoded) continue;
            ++accepted;
            ASSERT_EQ(message, encode_reply(*decoded));
        }
    }
    EXPECT_GT(accepted, 100);  // texts and times may be anything
}

TEST(ReplyHead, LiesAtTheFrontOfAMessage) {
    // A signal handler copies it over the first bytes of a message that was made ahead.
    auto message = encode_reply(with_failure());
    const ReplyHead head = {kReplyMagic, static_cast<std::uint32_t>(WorkerEnd::forbidden_call), EACCES, 59};
    std::memcpy(message.data(), &head, sizeof head);
    const auto decoded = must(decode_reply(message));
    EXPECT_EQ(WorkerEnd::forbidden_call, decoded.end);
    EXPECT_EQ(EACCES, decoded.code);
    EXPECT_EQ(59U, decoded.forbidden_call);
    EXPECT_EQ(with_failure().trace, decoded.trace);
}

}  // namespace
}  // namespace nsupcall
