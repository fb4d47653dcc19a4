#include "trace/trace.hpp"

#include <gtest/gtest.h>

#include <set>

namespace nsupcall {
namespace {

constexpr std::int64_t kNow = 1'800'000'000;

Candidate candidate(Verdict verdict) {
    return {"KRB5CCNAME", "FILE:/tmp/x", verdict, "", 0, ""};
}

TEST(Verdict, Names_AreThereAndDistinct) {
    std::set<std::string_view> names;
    for (std::uint8_t number = 0; number < kVerdicts; ++number) {
        const auto name = verdict_name(static_cast<Verdict>(number));
        EXPECT_FALSE(name.empty()) << +number;
        names.insert(name);
    }
    EXPECT_EQ(kVerdicts, names.size());
    EXPECT_EQ("used", verdict_name(Verdict::used));
    EXPECT_EQ("good", verdict_name(Verdict::good));
    EXPECT_EQ("KDC unreachable", verdict_name(Verdict::kdc_unreachable));
    EXPECT_EQ("unknown", verdict_name(static_cast<Verdict>(kVerdicts)));
    EXPECT_EQ("unknown", verdict_name(static_cast<Verdict>(255)));
}

TEST(Trace, Order_IsKept) {
    Trace trace;
    trace.add(candidate(Verdict::absent));
    trace.add(candidate(Verdict::used));
    ASSERT_EQ(2U, trace.candidates().size());
    EXPECT_EQ(Verdict::used, trace.candidates()[1].verdict);
    EXPECT_EQ("KRB5CCNAME FILE:/tmp/x (absent), KRB5CCNAME FILE:/tmp/x (used)", trace.summary(kNow));
}

TEST(Trace, PastTheLimit_IsCountedNotKept) {
    Trace trace;
    for (std::size_t count = 0; count < Trace::kCandidatesMost; ++count)
        trace.add(candidate(Verdict::absent));
    EXPECT_EQ(0U, trace.dropped());
    for (int count = 0; count < 1000; ++count) trace.add(candidate(Verdict::used));
    EXPECT_EQ(Trace::kCandidatesMost, trace.candidates().size());
    EXPECT_EQ(1000U, trace.dropped());
    EXPECT_EQ(Verdict::absent, trace.candidates().back().verdict);
    EXPECT_TRUE(trace.summary(kNow).ends_with(", and 1000 more"));
}

TEST(Trace, Summary_ShowsHowLongAgoATicketExpired) {
    struct {
        std::int64_t seconds;
        const char* words;
    } const cases[] = {{0, "0 s"},       {1, "1 s"},         {119, "119 s"},
                       {120, "2 min"},   {7199, "119 min"},  {7200, "2 h"},
                       {172799, "47 h"}, {172800, "2 days"}, {kNow - 1, "20833 days"}};
    for (const auto& [seconds, words] : cases) {
        Trace trace;
        auto expired = candidate(Verdict::expired);
        expired.expires = kNow - seconds;
        trace.add(expired);
        EXPECT_EQ(std::string("KRB5CCNAME FILE:/tmp/x (expired ") + words + " ago)", trace.summary(kNow));
    }
}

TEST(Trace, Summary_WithOddTimes_SaysNoSpan) {
    for (const std::int64_t expires : {std::int64_t{0}, std::int64_t{-5}, kNow + 1, INT64_MAX, INT64_MIN}) {
        Trace trace;
        auto expired = candidate(Verdict::expired);
        expired.expires = expires;
        trace.add(expired);
        EXPECT_EQ("KRB5CCNAME FILE:/tmp/x (expired)", trace.summary(kNow)) << expires;
    }
}

TEST(Trace, Summary_EscapesWhatAContainerChose) {
    Trace trace;
    trace.add({"KRB5CCNAME", "FILE:/tmp/\x1b[2J\n", Verdict::failed, "a\nb@LAB.TEST", 0, "\"why\"\x7f"});
    EXPECT_EQ("KRB5CCNAME FILE:/tmp/\\x1b[2J\\x0a (failed, a\\x0ab@LAB.TEST: \\x22why\\x22\\x7f)",
              trace.summary(kNow));
}

TEST(Trace, Summary_OfNothing_IsEmpty) {
    EXPECT_EQ("", Trace().summary(kNow));
}

TEST(Trace, Summary_WithoutName) {
    Trace trace;
    trace.add({"keytab", "", Verdict::absent, "", 0, ""});
    EXPECT_EQ("keytab (absent)", trace.summary(kNow));
}

TEST(Trace, Summary_IsBounded) {
    Trace trace;
    const std::string longest(100000, '\x01');
    for (std::size_t count = 0; count < Trace::kCandidatesMost; ++count)
        trace.add({"KRB5CCNAME", longest, Verdict::expired, longest, 1, longest});
    EXPECT_LT(trace.summary(kNow).size(), Trace::kCandidatesMost * 1000);
}

}  // namespace
}  // namespace nsupcall
