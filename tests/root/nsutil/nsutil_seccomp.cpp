#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "filters.hpp"
#include "nsutil/credentials.hpp"
#include "nsutil/sandbox.hpp"
#include "support/forked_test.hpp"

namespace nsutil {
namespace {

using nsupcall::test::deny;
using nsupcall::test::deny_bits_of_third;

FORKED_TEST(InstallSeccomp, Program_IsInForce) {
    ASSERT_EQ(0, ::chdir("/"));
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny(SYS_chdir, EXDEV)));
    errno = 0;
    EXPECT_EQ(-1, ::chdir("/"));
    EXPECT_EQ(EXDEV, errno);
    EXPECT_EQ(0, ::fchdir(::open("/", O_RDONLY | O_CLOEXEC)));
}

FORKED_TEST(InstallSeccomp, TwoPrograms_HoldTogether) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny(SYS_chdir, EXDEV)));
    ASSERT_EQ(0, install_seccomp(deny(SYS_fchdir, ENXIO)));
    EXPECT_EQ(-1, ::chdir("/"));
    EXPECT_EQ(EXDEV, errno);
    EXPECT_EQ(-1, ::fchdir(0));
    EXPECT_EQ(ENXIO, errno);
}

FORKED_TEST(InstallSeccomp, WithoutNoNewPrivs_IsRefusedToUsers) {
    ASSERT_EQ(0, set_user(4100001));
    EXPECT_EQ(EACCES, install_seccomp(deny(SYS_chdir, EXDEV)));
}

FORKED_TEST(InstallSeccomp, MalformedProgram_IsRefused) {
    ASSERT_EQ(0, set_no_new_privs());
    EXPECT_EQ(EINVAL, install_seccomp({}));
    const sock_filter endless[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0)};  // ends without a verdict
    EXPECT_EQ(EINVAL, install_seccomp(endless));
}

TEST(CanMapExecutable, Unconfined_IsTrue) {
    EXPECT_TRUE(can_map_executable());
}

FORKED_TEST(CanMapExecutable, BothWaysClosed_IsFalse) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny_bits_of_third(SYS_mmap, PROT_EXEC, EACCES)));
    ASSERT_EQ(0, install_seccomp(deny_bits_of_third(SYS_mprotect, PROT_EXEC, EACCES)));
    EXPECT_FALSE(can_map_executable());
}

FORKED_TEST(CanMapExecutable, MprotectOpen_IsTrue) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny_bits_of_third(SYS_mmap, PROT_EXEC, EACCES)));
    EXPECT_TRUE(can_map_executable());
}

FORKED_TEST(CanMapExecutable, MmapOpen_IsTrue) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny_bits_of_third(SYS_mprotect, PROT_EXEC, EACCES)));
    EXPECT_TRUE(can_map_executable());
}

FORKED_TEST(CanMapExecutable, WhereItCannotBeTried_IsTrue) {
    ASSERT_EQ(0, set_no_new_privs());
    ASSERT_EQ(0, install_seccomp(deny(SYS_mmap, ENOMEM)));
    EXPECT_TRUE(can_map_executable());
}

}  // namespace
}  // namespace nsutil
