#include "nsutil/deadline.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace nsutil {
namespace {

using namespace std::chrono_literals;

TEST(Deadline, Ahead_HasNotPassed) {
    const auto deadline = Deadline::after(1h);
    EXPECT_FALSE(deadline.passed());
    EXPECT_GT(deadline.remaining_ms(), 3'590'000);
    EXPECT_LE(deadline.remaining_ms(), 3'600'000);
}

TEST(Deadline, NowAndBefore_HavePassed) {
    for (const auto span : {0ms, -1ms, -100000ms}) {
        const auto deadline = Deadline::after(span);
        EXPECT_TRUE(deadline.passed()) << span.count();
        EXPECT_EQ(0, deadline.remaining_ms()) << span.count();
    }
}

TEST(Deadline, Remaining_NeverZeroBeforeItPasses) {
    // Rounded down, poll(2) would return at once and its caller would spin through the last millisecond.
    const auto deadline = Deadline::after(3ms);
    while (true) {
        const int left = deadline.remaining_ms();
        if (deadline.passed()) break;
        ASSERT_GT(left, 0);  // it was read before the deadline was seen ahead
    }
    EXPECT_EQ(0, deadline.remaining_ms());
}

TEST(Deadline, Remaining_Shrinks) {
    const auto deadline = Deadline::after(10s);
    const int before = deadline.remaining_ms();
    std::this_thread::sleep_for(5ms);
    EXPECT_LE(deadline.remaining_ms(), before - 4);
}

TEST(Deadline, FarAway_FitsIntoPollsInt) {
    const auto deadline = Deadline::after(std::chrono::milliseconds(1LL << 40));
    EXPECT_EQ(24 * 3600 * 1000, deadline.remaining_ms());
    EXPECT_FALSE(deadline.passed());
}

}  // namespace
}  // namespace nsutil
