#include "nsutil/task.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "nsutil/bounded_read.hpp"
#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;

/// A folder that looks like /proc, made by hand, so that states no living task can hold are seen.
class MadeProc : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "nsupcall-proc-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        path_ = name;
        std::filesystem::create_directory(path_ / "77");
        proc_ = must(open_at(AT_FDCWD, path_.c_str(), O_PATH | O_DIRECTORY));
    }
    void TearDown() override { std::filesystem::remove_all(path_); }

    void put(const char* file, std::string_view text) const { std::ofstream(path_ / "77" / file) << text; }
    [[nodiscard]] Task task() const { return must(Task::open_at(proc_.get(), 77)); }
    void put_state(char state) const {
        put("stat", std::string("77 (x) ") + state + " 1 0 0 0 0 0 0 0 0 0 0 0 0 0 20 0 1 0 99 0\n");
    }

    std::filesystem::path path_;
    UniqueFd proc_;
};

TEST_F(MadeProc, Stat_IsRead) {
    put_state('R');
    EXPECT_EQ(99U, must(task().stat()).start_ticks);
    EXPECT_EQ(77, task().tid());
}

TEST_F(MadeProc, FileThatIsGone_MeansATaskThatIsGone) {
    const auto status = task().status();
    ASSERT_FALSE(status);
    EXPECT_EQ(ESRCH, status.error().code);
    const auto root = task().open_root();
    ASSERT_FALSE(root);
    EXPECT_EQ(ESRCH, root.error().code);
}

TEST_F(MadeProc, Malformed_IsEinval) {
    put("stat", "nonsense");
    put("status", "Uid:\tx\n");
    EXPECT_EQ(EINVAL, task().stat().error().code);
    EXPECT_EQ(EINVAL, task().status().error().code);
}

TEST_F(MadeProc, LongerThanTheLimit_IsEfbig) {
    put("stat", std::string(kStatLimit + 1, 'x'));
    EXPECT_EQ(EFBIG, task().stat().error().code);
    put("cgroup", "0::/\n");
    EXPECT_EQ(EFBIG, task().read("cgroup", 4).error().code);
    EXPECT_EQ("0::/\n", must(task().read("cgroup", 5)));
}

TEST_F(MadeProc, VerifyAlive_ByState) {
    for (const char state : {'R', 'S', 'D', 'T', 't', 'I'}) {
        put_state(state);
        EXPECT_TRUE(task().verify_alive()) << state;
    }
    for (const char state : {'Z', 'X'}) {
        put_state(state);
        EXPECT_EQ(ESRCH, task().verify_alive().error().code) << state;
    }
}

TEST_F(MadeProc, NumberWithoutFolder_IsEsrch) {
    for (const pid_t tid : {78, 1, 0, -1, -77})
        EXPECT_EQ(ESRCH, Task::open_at(proc_.get(), tid).error().code) << tid;
}

TEST_F(MadeProc, FileInPlaceOfTheFolder_IsRefused) {
    std::ofstream(path_ / "79") << "x";
    EXPECT_EQ(ENOTDIR, Task::open_at(proc_.get(), 79).error().code);
}

TEST(Task, OpenSelf_ReadsTheTruth) {
    const auto task = must(Task::open(::getpid()));
    const auto status = must(task.status());
    EXPECT_EQ(::getpid(), status.tgid);
    EXPECT_EQ(::getuid(), status.uids.real);
    EXPECT_EQ(::getegid(), status.gids.effective);
    const auto stat = must(task.stat());
    EXPECT_EQ(::getppid(), stat.parent);
    EXPECT_EQ(status.name, stat.comm);
    EXPECT_TRUE(task.verify_alive());
    EXPECT_EQ(FD_CLOEXEC, ::fcntl(task.dir(), F_GETFD));
}

TEST(Task, OpenRoot_IsTheRoot) {
    const auto root = must(must(Task::open(::getpid())).open_root());
    struct stat seen = {}, expected = {};
    ASSERT_EQ(0, ::fstat(root.get(), &seen));
    ASSERT_EQ(0, ::stat("/", &expected));
    EXPECT_EQ(expected.st_ino, seen.st_ino);
    EXPECT_EQ(expected.st_dev, seen.st_dev);
}

}  // namespace
}  // namespace nsutil
