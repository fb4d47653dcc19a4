#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <vector>

#include "filters.hpp"
#include "nsutil/credentials.hpp"
#include "nsutil/sandbox.hpp"
#include "support/forked_test.hpp"

namespace nsutil {
namespace {

using nsupcall::test::deny;

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

/// Descriptors at known numbers, so that gaps, neighbours and ends are met.
constexpr int kNumbers[] = {3, 4, 5, 9, 10, 17, 40, 41, 99};

void open_numbers() {
    for (const int number : kNumbers) (void)::dup2(0, number);
}

struct CloseCase {
    const char* what;
    std::vector<int> keep, left;
};
const CloseCase kCloseCases[] = {
    {"none", {}, {0, 1, 2}},
    {"the first", {3}, {0, 1, 2, 3}},
    {"the last", {99}, {0, 1, 2, 99}},
    {"neighbours", {4, 5}, {0, 1, 2, 4, 5}},
    {"first and last", {3, 99}, {0, 1, 2, 3, 99}},
    {"one in the middle", {10}, {0, 1, 2, 10}},
    {"one that is not open", {50}, {0, 1, 2}},
    {"the same twice", {10, 10}, {0, 1, 2, 10}},
    {"0, 1 and 2 are kept anyway", {0, 1, 2}, {0, 1, 2}},
    {"0 and a later one", {0, 17}, {0, 1, 2, 17}},
    {"none, said with -1", {-1}, {0, 1, 2}},
};

/// Runs close_all_but() in a child whose only descriptors are 0, 1, 2 and kNumbers.
/// @return -1 where exactly those of `test.left` are open then, else one that is wrong; above 120: it failed
int wrong_after_closing(const CloseCase& test, bool with_close_range) {
    const pid_t child = ::fork();
    if (child == 0) {
        (void)close_all_but({});
        open_numbers();
        if (!with_close_range &&
            (set_no_new_privs() != 0 || install_seccomp(deny(SYS_close_range, ENOSYS)) != 0))
            ::_exit(122);
        if (close_all_but(test.keep) != 0) ::_exit(121);
        for (int fd = 0; fd <= 120; ++fd)
            if ((std::ranges::count(test.left, fd) == 1) != is_open(fd)) ::_exit(fd);
        ::_exit(255);
    }
    int status = 0;
    EXPECT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status) == 255 ? -1 : WEXITSTATUS(status);
}

TEST(CloseAllBut, KeepsExactlyThose) {
    for (const auto& test : kCloseCases) EXPECT_EQ(-1, wrong_after_closing(test, true)) << test.what;
}

TEST(CloseAllBut, WithoutCloseRange_KeepsExactlyThose) {
    for (const auto& test : kCloseCases) EXPECT_EQ(-1, wrong_after_closing(test, false)) << test.what;
}

FORKED_TEST(CloseAllBut, AnotherErrorOfCloseRange_IsTold) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny(SYS_close_range, EPERM)));
    EXPECT_EQ(EPERM, close_all_but({}));
}

constexpr SandboxLimits kLimits = {
    .address_space_bytes = 1ULL << 30U, .file_bytes = 4096, .open_files = 32, .cpu_seconds = 3};

FORKED_TEST(SetLimits, AreHard) {
    ASSERT_EQ(0, set_limits(kLimits));
    struct {
        __rlimit_resource resource;
        rlim_t value;
    } const expected[] = {{RLIMIT_CORE, 0},        {RLIMIT_NPROC, 0}, {RLIMIT_FSIZE, 4096},
                          {RLIMIT_NOFILE, 32},     {RLIMIT_CPU, 3},
#ifndef NSUPCALL_SANITIZE
                          {RLIMIT_AS, 1ULL << 30U}
#endif
    };
    for (const auto& [resource, value] : expected) {
        rlimit limit = {};
        ASSERT_EQ(0, ::getrlimit(resource, &limit));
        EXPECT_EQ(value, limit.rlim_cur) << resource;
        EXPECT_EQ(value, limit.rlim_max) << resource;
    }
}

FORKED_TEST(SetLimits, HoldForAUser) {
    const int file = ::memfd_create("limits", MFD_CLOEXEC);
    ASSERT_GE(file, 0);
    ASSERT_EQ(0, set_user(4100002));
    ASSERT_EQ(0, set_limits(kLimits));
    // No process.
    EXPECT_EQ(-1, ::fork());
    EXPECT_EQ(EAGAIN, errno);
    // No file past its size.
    ASSERT_NE(SIG_ERR, ::signal(SIGXFSZ, SIG_IGN));
    EXPECT_EQ(1, ::pwrite(file, "x", 1, 4095));
    EXPECT_EQ(-1, ::pwrite(file, "x", 1, 4096));
    EXPECT_EQ(EFBIG, errno);
    // No descriptor past their number.
    int opened = -1, last = -1;
    while ((opened = ::open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0) last = opened;
    EXPECT_EQ(EMFILE, errno);
    EXPECT_EQ(31, last);
    (void)::close(last);  // a sanitizer looks at memory through a pipe
    (void)::close(last - 1);
    // And no way back.
    const rlimit more = {64, 64};
    EXPECT_EQ(-1, ::setrlimit(RLIMIT_NOFILE, &more));
    EXPECT_EQ(EPERM, errno);
#ifndef NSUPCALL_SANITIZE
    EXPECT_EQ(MAP_FAILED, ::mmap(nullptr, 2ULL << 30U, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    EXPECT_EQ(ENOMEM, errno);
#endif
}

FORKED_TEST(SetLimits, CpuTimeSpent_Kills) {
    const pid_t child = ::fork();
    if (child == 0) {
        auto limits = kLimits;
        limits.cpu_seconds = 1;
        if (set_limits(limits) != 0) ::_exit(1);
        for (;;) (void)::getppid();
    }
    int status = 0;
    ASSERT_EQ(child, ::waitpid(child, &status, 0));
    ASSERT_TRUE(WIFSIGNALED(status));
    EXPECT_EQ(SIGKILL, WTERMSIG(status));  // the hard limit's signal; it cannot be caught
}

FORKED_TEST(SetNoNewPrivs, Holds) {
    ASSERT_EQ(0, ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    EXPECT_EQ(0, set_no_new_privs());
    EXPECT_EQ(1, ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

FORKED_TEST(BindToParent, SurvivesNoChangeOfIds) {
    // The reason why it has to be called twice.
    ASSERT_EQ(0, bind_to_parent());
    int signal = 0;
    ASSERT_EQ(0, ::prctl(PR_GET_PDEATHSIG, &signal));
    EXPECT_EQ(SIGKILL, signal);
    EXPECT_EQ(0, ::prctl(PR_GET_DUMPABLE));
    ASSERT_EQ(0, set_user(4100003));
    ASSERT_EQ(0, ::prctl(PR_GET_PDEATHSIG, &signal));
    EXPECT_EQ(0, signal);
    ASSERT_EQ(0, bind_to_parent());
    ASSERT_EQ(0, ::prctl(PR_GET_PDEATHSIG, &signal));
    EXPECT_EQ(SIGKILL, signal);
    EXPECT_EQ(0, ::prctl(PR_GET_DUMPABLE));
}

FORKED_TEST(BindToParent, EndsWithTheParent) {
    int ends[2];
    ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    const pid_t parent = ::fork();
    if (parent == 0) {
        const pid_t grandchild = ::fork();
        if (grandchild == 0) {
            if (bind_to_parent() != 0) ::_exit(1);
            (void)!::write(ends[1], "r", 1);
            for (;;) ::pause();
        }
        for (;;) ::pause();
    }
    ::close(ends[1]);
    char byte = 0;
    ASSERT_EQ(1, ::read(ends[0], &byte, 1));
    ASSERT_EQ(0, ::kill(parent, SIGKILL));
    ASSERT_EQ(parent, ::waitpid(parent, nullptr, 0));
    // The grandchild held the pipe's other end: its end of file is its death.
    EXPECT_EQ(0, ::read(ends[0], &byte, 1));
}

}  // namespace
}  // namespace nsutil
