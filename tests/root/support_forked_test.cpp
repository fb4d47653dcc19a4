/// @file
/// FORKED_TEST itself: a failure in the child must not get lost.

#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <stdexcept>

#include "support/forked_test.hpp"

namespace nsupcall::test {
namespace {

int memory = 1;

FORKED_TEST(ForkedTest, Child_ChangesMemory_OfItsOwn) {
    memory = 2;
    EXPECT_EQ(2, memory);
}

TEST(ForkedTest, Parent_AfterAChild_HasItsMemory) {
    run_forked([] { memory = 3; });
    EXPECT_EQ(1, memory);
}

TEST(ForkedTest, Child_Expectation_ReachesTheParent) {
    EXPECT_NONFATAL_FAILURE(run_forked([] { EXPECT_EQ(5, memory) << "told by the child"; }),
                            "told by the child");
}

TEST(ForkedTest, Child_Assertion_ReachesTheParent) {
    testing::TestPartResultArray results;
    {
        testing::ScopedFakeTestPartResultReporter catcher(&results);
        run_forked([] { ASSERT_TRUE(false) << "stop here"; });
    }
    ASSERT_EQ(1, results.size());
    EXPECT_TRUE(results.GetTestPartResult(0).fatally_failed());
    EXPECT_NE(nullptr, std::strstr(results.GetTestPartResult(0).file_name(), "support_forked_test.cpp"));
}

TEST(ForkedTest, Child_Signal_IsAFailure) {
    EXPECT_NONFATAL_FAILURE(run_forked([] { (void)::raise(SIGKILL); }), "died of signal 9");
}

TEST(ForkedTest, Child_ExitZero_IsAFailure) {
    EXPECT_NONFATAL_FAILURE(run_forked([] { ::_exit(0); }), "ended by itself");
}

TEST(ForkedTest, Child_Exception_IsAFailure) {
    EXPECT_NONFATAL_FAILURE(run_forked([] { throw std::runtime_error("thrown inside"); }), "thrown inside");
}

TEST(ForkedTest, Child_ThatHangs_IsKilled) {
    EXPECT_NONFATAL_FAILURE(run_forked([] { ::pause(); }, std::chrono::seconds(1)), "not done after 1 s");
}

TEST(ForkedTest, Child_Skip_IsNoFailure) {
    testing::TestPartResultArray results;
    {
        testing::ScopedFakeTestPartResultReporter catcher(&results);
        run_forked([] { GTEST_SKIP() << "not here"; });
    }
    ASSERT_EQ(1, results.size());
    EXPECT_TRUE(results.GetTestPartResult(0).skipped());
}

}  // namespace
}  // namespace nsupcall::test
