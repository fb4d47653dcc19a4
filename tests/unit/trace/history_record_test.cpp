#include "trace/history_record.hpp"

#include <gtest/gtest.h>

namespace nsupcall {
namespace {

HistoryRecord full_record() {
    HistoryRecord record;
    record.sequence = 7;
    record.time_us = 1'800'000'000'123'456;
    record.duration_us = 4321;
    record.program = "cifs.upcall";
    record.call = "cifs.spnego";
    record.description = "ver=0x2;host=fs.lab.test";
    record.code = 126;
    record.message = "no credentials";
    record.forged = true;
    record.host = "fs.lab.test";
    record.address = "10.0.0.1";
    record.user = "root";
    record.creduid = 4'000'000'000U;
    record.requester = {12, 11, 1000, "mount.cifs", std::string(64, 'a'), 4026531840, 5, 6, 7, true};
    record.whose = "requester";
    record.place_container = "feed";
    record.notes = {"one", "two"};
    record.rule = "pods";
    record.principal = "alice@LAB.TEST";
    record.server = "cifs/fs.lab.test@LAB.TEST";
    record.expires = 1'800'003'600;
    record.answer = "10.0.0.1";
    record.trace.add({"KRB5CCNAME", "FILE:/tmp/x", Verdict::expired, "alice@LAB.TEST", 17, "why"});
    record.trace.add({"default", "KCM:", Verdict::used, "alice@LAB.TEST", 18, ""});
    record.trace.set_dropped(3);
    return record;
}

TEST(HistoryRecord, EveryField_ComesBack) {
    const auto record = full_record();
    const auto again = decode_history(encode_history(record));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(record, *again);
}

TEST(HistoryRecord, Nothing_ComesBackAsNothing) {
    const auto again = decode_history(encode_history({}));
    ASSERT_TRUE(again);
    EXPECT_EQ(HistoryRecord{}, *again);
}

TEST(HistoryRecord, TooMuch_IsCutAndSaid_TheUsedCandidateStays) {
    auto record = full_record();
    record.trace = {};
    const std::string endless(5000, 'x');
    record.description = record.message = record.host = record.rule = endless;
    record.notes.assign(50, endless);
    for (std::size_t at = 0; at < Trace::kCandidatesMost - 1; ++at)
        record.trace.add({endless, endless, Verdict::absent, endless, 1, endless});
    record.trace.add({"last", endless, Verdict::used, endless, 1, endless});
    record.trace.add({"past the trace's own limit", "", Verdict::absent, "", 0, ""});

    const auto bytes = encode_history(record);
    EXPECT_LE(bytes.size(), kHistoryRecordLimit);
    const auto again = decode_history(bytes);
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_TRUE(again->message.ends_with("xxx...")) << again->message;
    EXPECT_LT(again->message.size(), endless.size());
    ASSERT_FALSE(again->trace.candidates().empty());
    EXPECT_EQ("last", again->trace.candidates().back().source);
    EXPECT_EQ(Trace::kCandidatesMost + 1, again->trace.candidates().size() + again->trace.dropped());
}

TEST(HistoryRecord, ShortOnes_KeepAllTheirCandidates) {
    auto record = full_record();
    for (int at = 0; at < 40; ++at)
        record.trace.add({"well-known place", "FILE:/tmp/krb5cc_1000_" + std::to_string(at),
                          Verdict::not_owned, "", 0, "owner 0"});
    const auto again = decode_history(encode_history(record));
    ASSERT_TRUE(again);
    EXPECT_EQ(record.trace, again->trace);
}

TEST(HistoryRecord, EveryTruncationAndEveryExtension_IsRefused) {
    auto bytes = encode_history(full_record());
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto cut = decode_history(std::span(bytes).first(size));
        ASSERT_FALSE(cut) << size;
        EXPECT_EQ(EPROTO, cut.error().code);
    }
    bytes.push_back(std::byte{0});
    EXPECT_FALSE(decode_history(bytes));
}

}  // namespace
}  // namespace nsupcall
