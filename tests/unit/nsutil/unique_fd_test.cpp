#include "nsutil/unique_fd.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <type_traits>
#include <vector>

namespace nsutil {
namespace {

static_assert(!std::is_copy_constructible_v<UniqueFd> && !std::is_copy_assignable_v<UniqueFd>);
static_assert(std::is_nothrow_move_constructible_v<UniqueFd> && std::is_nothrow_move_assignable_v<UniqueFd>);
static_assert(!std::is_convertible_v<UniqueFd, int> && !std::is_convertible_v<int, UniqueFd>);

int open_null() {
    return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(UniqueFd, Default_HoldsNothing) {
    const UniqueFd fd;
    EXPECT_FALSE(fd);
    EXPECT_EQ(-1, fd.get());
}

TEST(UniqueFd, Zero_IsADescriptor) {
    UniqueFd fd(0);
    EXPECT_TRUE(fd);
    EXPECT_EQ(0, fd.release());
}

TEST(UniqueFd, Destructor_Closes) {
    int raw = -1;
    {
        const UniqueFd fd(open_null());
        raw = fd.get();
        ASSERT_TRUE(is_open(raw));
    }
    EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, Reset_ClosesOnce) {
    UniqueFd fd(open_null());
    const int raw = fd.get();
    fd.reset();
    EXPECT_FALSE(fd);
    EXPECT_FALSE(is_open(raw));
    // The number belongs to somebody else now: a second reset must leave it alone.
    const UniqueFd other(open_null());
    ASSERT_EQ(raw, other.get());
    fd.reset();
    EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, Release_LeavesOpen) {
    UniqueFd fd(open_null());
    const int raw = fd.release();
    EXPECT_FALSE(fd);
    EXPECT_TRUE(is_open(raw));
    const UniqueFd taken(raw);
    EXPECT_EQ(raw, taken.get());
}

TEST(UniqueFd, MoveConstruction_Empties) {
    UniqueFd from(open_null());
    const int raw = from.get();
    const UniqueFd to(std::move(from));
    EXPECT_EQ(raw, to.get());
    EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, MoveAssignment_ClosesWhatWasHeld) {
    UniqueFd from(open_null());
    UniqueFd to(open_null());
    const int moved = from.get();
    const int replaced = to.get();
    to = std::move(from);
    EXPECT_EQ(moved, to.get());
    EXPECT_TRUE(is_open(moved));
    EXPECT_FALSE(is_open(replaced));
    EXPECT_FALSE(from);  // NOLINT(bugprone-use-after-move): that is the point
}

TEST(UniqueFd, MoveAssignmentToSelf_KeepsTheDescriptor) {
    UniqueFd fd(open_null());
    const int raw = fd.get();
    UniqueFd& same = fd;
    fd = std::move(same);
    EXPECT_EQ(raw, fd.get());
    EXPECT_TRUE(is_open(raw));
}

TEST(UniqueFd, AssigningNothing_Closes) {
    UniqueFd fd(open_null());
    const int raw = fd.get();
    fd = UniqueFd();
    EXPECT_FALSE(fd);
    EXPECT_FALSE(is_open(raw));
}

TEST(UniqueFd, InAVector_SurvivesReallocation) {
    std::vector<UniqueFd> fds;
    std::vector<int> raw;
    for (int count = 0; count < 20; ++count) {
        fds.emplace_back(open_null());
        raw.push_back(fds.back().get());
    }
    for (std::size_t at = 0; at < raw.size(); ++at) {
        EXPECT_EQ(raw[at], fds[at].get());
        EXPECT_TRUE(is_open(raw[at]));
    }
    fds.erase(fds.begin(), fds.begin() + 10);
    for (std::size_t at = 0; at < raw.size(); ++at) EXPECT_EQ(at >= 10, is_open(raw[at])) << at;
}

TEST(UniqueFd, Reset_KeepsErrnoOfNoConcern) {
    // A descriptor that is closed already (a caller's error) must not end the process.
    UniqueFd fd(open_null());
    ASSERT_EQ(0, ::close(fd.get()));
    fd.reset();
    EXPECT_FALSE(fd);
}

}  // namespace
}  // namespace nsutil
