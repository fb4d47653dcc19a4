/// @file
/// Processes that look at credentials for another one, and do not come to the end of their shares.

#include "privsep/parallel_look.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <map>
#include <vector>

#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kTargets = 64;
constexpr std::uint32_t kFirstUid = 0x4a000000;
constexpr const char* kEnded = "the process that was to look has ended";

/// Many users of one process' place, whom two processes look at.
class ParallelLook : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) NSUPCALL_SKIP("other users' namespaces need root");
        sleeper_ = ::fork();
        if (sleeper_ == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) ::pause();
        }
        for (std::size_t at = 0; at < kTargets; ++at)
            targets_.push_back({.tgid = sleeper_, .host_uid = kFirstUid + static_cast<std::uint32_t>(at)});
    }
    void TearDown() override {
        if (sleeper_ <= 0) return;
        (void)::kill(sleeper_, SIGKILL);
        (void)::waitpid(sleeper_, nullptr, 0);
        EXPECT_TRUE(lookers().empty()) << "left running";
    }

    /// The children of this process but the sleeper.
    [[nodiscard]] std::vector<pid_t> lookers() const {
        std::vector<pid_t> all;
        std::ifstream list(fmt::format("/proc/self/task/{}/children", ::getpid()));
        for (pid_t child = 0; list >> child;)
            if (child != sleeper_) all.push_back(child);
        return all;
    }

    /// Looks at all. @param first  is called at the first outcome
    std::map<std::size_t, Look> look(milliseconds within, unsigned each_ms,
                                     const std::function<void()>& first) const {
        std::map<std::size_t, Look> looks;
        LookOptions options;
        options.each_ms = each_ms;
        look_in_parallel(
            targets_, options, nsutil::Deadline::after(within),
            [&](std::size_t index, Look one) {
                if (looks.empty()) first();
                EXPECT_TRUE(looks.emplace(index, std::move(one)).second) << "twice: " << index;
            },
            2);
        return looks;
    }
    static std::size_t given_up(const std::map<std::size_t, Look>& looks) {
        return static_cast<std::size_t>(std::ranges::count_if(
            looks, [](const auto& one) { return one.second.code == EIO && one.second.problem == kEnded; }));
    }
    static std::size_t looked_at(const std::map<std::size_t, Look>& looks) {
        return static_cast<std::size_t>(
            std::ranges::count_if(looks, [](const auto& one) { return one.second.looked; }));
    }

    pid_t sleeper_ = -1;
    std::vector<LookTarget> targets_;
};

TEST_F(ParallelLook, Undisturbed_LooksAtAll) {
    std::size_t processes = 0;
    const auto looks = look(milliseconds(20'000), 10'000, [&] { processes = lookers().size(); });
    EXPECT_EQ(2U, processes);
    EXPECT_EQ(kTargets, looks.size());
    EXPECT_EQ(kTargets, looked_at(looks));
}

TEST_F(ParallelLook, OneKilled_ItsShareIsGivenUp_TheOthersIsLookedAt) {
    const auto begin = Clock::now();
    const auto looks = look(milliseconds(20'000), 10'000, [&] {
        const auto all = lookers();
        ASSERT_EQ(2U, all.size());
        EXPECT_EQ(0, ::kill(all.front(), SIGKILL));
    });
    EXPECT_LT(Clock::now() - begin, milliseconds(15'000));
    EXPECT_EQ(kTargets, looks.size());
    EXPECT_GE(given_up(looks), 1U);
    EXPECT_LE(given_up(looks), kTargets / 2);
    EXPECT_EQ(kTargets, given_up(looks) + looked_at(looks));
}

TEST_F(ParallelLook, AllKilled_WhatIsMissingIsGivenUp) {
    const auto begin = Clock::now();
    const auto looks = look(milliseconds(20'000), 10'000, [&] {
        for (const pid_t looker : lookers()) EXPECT_EQ(0, ::kill(looker, SIGKILL));
    });
    EXPECT_LT(Clock::now() - begin, milliseconds(15'000));
    EXPECT_EQ(kTargets, looks.size());
    EXPECT_GE(given_up(looks), 2U);
    EXPECT_EQ(kTargets, given_up(looks) + looked_at(looks));
}

TEST_F(ParallelLook, OneThatHangs_IsWaitedForNoLongerThanItsTime) {
    const auto begin = Clock::now();
    const auto looks = look(milliseconds(1'000), 1'000, [&] {
        const auto all = lookers();
        ASSERT_EQ(2U, all.size());
        EXPECT_EQ(0, ::kill(all.front(), SIGSTOP));
    });
    EXPECT_LT(Clock::now() - begin, milliseconds(8'000));
    EXPECT_EQ(kTargets, looks.size());
    EXPECT_GE(given_up(looks), 1U);
}

}  // namespace
}  // namespace nsupcall::test
