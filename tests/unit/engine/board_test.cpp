/// @file
/// What the engine, its servants and their children share.

#include "engine/board.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <string>

#include "engine/inherited_code.hpp"
#include "engine/refusals.hpp"
#include "support/must.hpp"

namespace nsupcall::engine {
namespace {

using test::must;

TEST(Board, Slots_AreGivenOnce) {
    auto board = must(Board::create(2));
    const auto first = board.claim(), second = board.claim();
    ASSERT_TRUE(first && second);
    EXPECT_NE(*first, *second);
    EXPECT_FALSE(board.claim());
    Board::release(board.slot(*first));
    EXPECT_EQ(first, board.claim());
}

TEST(Board, LastOneThatWaits_SaysSo) {
    auto board = must(Board::create(2));
    auto& one = board.slot(*board.claim());
    auto& other = board.slot(*board.claim());
    EXPECT_EQ(2U, board.available()) << "who starts will be there in a moment";
    other.state = Board::State::idle;
    EXPECT_FALSE(board.begin(one));
    EXPECT_TRUE(board.begin(other));
    EXPECT_EQ(0U, board.available());
    EXPECT_EQ(2U, board.served());
    EXPECT_FALSE(board.finish(one)) << "nobody waits for that";
    board.set_full(true);
    EXPECT_TRUE(board.finish(other));
    EXPECT_EQ(2U, board.available());
}

TEST(Board, IsSharedWithChildren) {
    auto board = must(Board::create(1));
    auto& slot = board.slot(*board.claim());
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        slot.worker = 4711;
        (void)board.begin(slot);
        board.wear_out();
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_TRUE(board.worn());
    EXPECT_TRUE(board.holds(4711));
    EXPECT_EQ(1U, board.holders());
    EXPECT_EQ(1U, board.count(Board::State::busy));
    Board::release(slot);
    EXPECT_FALSE(board.holds(4711));
}

TEST(Refusals, Handful_IsAnsweredAtOnce) {
    const auto refusals = must(Refusals::create());
    for (unsigned at = 0; at < Refusals::kAtOnce; ++at) EXPECT_EQ(0U, refusals.hold_ms(5000)) << at;
    EXPECT_EQ(Refusals::kHoldMs, refusals.hold_ms(5001));
    EXPECT_EQ(0U, refusals.hold_ms(6000)) << "a new second, a new handful";
}

TEST(Refusals, NoMoreThanItsNumber_IsHeld) {
    const auto refusals = must(Refusals::create());
    unsigned held = 0;
    for (unsigned at = 0; at < 1000; ++at) held += refusals.hold_ms(5500) > 0 ? 1 : 0;
    EXPECT_EQ(Refusals::kHeldMost, held);
    // The next second has its handful, but none is let go before its time.
    for (unsigned at = 0; at < 1000; ++at) EXPECT_EQ(0U, refusals.hold_ms(6400));
    held = 0;
    for (unsigned at = 0; at < 1000; ++at) held += refusals.hold_ms(6500) > 0 ? 1 : 0;
    EXPECT_EQ(Refusals::kHeldMost, held);
}

/// KiB of pages of its own that a mapping of code has.
unsigned long private_code() {
    std::ifstream maps("/proc/self/smaps");
    unsigned long kib = 0;
    bool code = false;
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        std::string first, second;
        words >> first >> second;
        if (first.find('-') != std::string::npos && first.find(':') == std::string::npos)
            code = second == "r-xp" && line.find('/') != std::string::npos;
        else if (code && first == "Anonymous:")
            kib += std::stoul(second);
    }
    return kib;
}

TEST(InheritedCode, EachMapping_GetsOnePageOfItsOwn) {
    const auto before = private_code();
    const auto count = inherit_code();
    if (count == 0) {
        // Linux 6.12 can be told to let nobody write (proc_mem.force_override).
        std::ifstream command_line("/proc/cmdline");
        std::string text;
        std::getline(command_line, text);
        EXPECT_NE(std::string::npos, text.find("proc_mem.force_override")) << "and nothing forbids it";
        return;
    }
    EXPECT_GT(count, 5U);
    EXPECT_GE(private_code(), before + 4);
    EXPECT_EQ(count, inherit_code()) << "once more does no harm";
}

}  // namespace
}  // namespace nsupcall::engine
