#include "admin/process_listing.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <set>
#include <thread>

namespace nsupcall::admin {
namespace {

/// Some processes that wait to be listed.
class Listed : public testing::Test {
  protected:
    void SetUp() override {
        for (auto& child : children_) {
            child = ::fork();
            if (child != 0) continue;
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            for (;;) ::pause();
        }
    }
    void TearDown() override {
        for (const pid_t child : children_) {
            (void)::kill(child, SIGKILL);
            (void)::waitpid(child, nullptr, 0);
        }
    }

    std::array<pid_t, 100> children_{};
};

TEST_F(Listed, ByOneThread_AreInOrder) {
    const auto all = all_processes();
    ASSERT_TRUE(all);
    EXPECT_TRUE(std::ranges::is_sorted(*all));
    for (const pid_t child : children_) EXPECT_TRUE(std::ranges::binary_search(*all, child)) << child;
}

TEST_F(Listed, BySeveralThreads_ComeToOneOfThemEach) {
    auto listing = ProcessListing::open();
    ASSERT_TRUE(listing);
    std::array<std::vector<pid_t>, 4> shares;
    std::vector<std::thread> threads;
    for (auto& share : shares)
        threads.emplace_back([&] {
            for (auto some = listing->next(); !some.empty(); some = listing->next())
                share.insert(share.end(), some.begin(), some.end());
        });
    for (auto& thread : threads) thread.join();
    std::multiset<pid_t> all;
    for (const auto& share : shares) {
        EXPECT_TRUE(std::ranges::is_sorted(share));
        all.insert(share.begin(), share.end());
    }
    for (const pid_t child : children_) EXPECT_EQ(1U, all.count(child)) << child;
    EXPECT_TRUE(listing->next().empty());
}

}  // namespace
}  // namespace nsupcall::admin
