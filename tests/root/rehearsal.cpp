/// @file
/// The rehearsal of a token: it comes to its end, and needs nothing of the machine.

#include "spnego/rehearsal.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "nsutil/filters.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/sandbox.hpp"
#include "nsutil/unique_fd.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
    return count;
}

TEST(Rehearsal, ComesToAToken_AndLeavesNoDescriptor) {
    const auto before = open_descriptors();
    EXPECT_TRUE(rehearse_token());
    EXPECT_TRUE(rehearse_token());
    EXPECT_EQ(before, open_descriptors());
}

FORKED_TEST(Rehearsal, AsksNobody) {
    ASSERT_EQ(0, nsutil::set_no_new_privs());
    ASSERT_EQ(0, nsutil::install_seccomp(deny(SYS_socket, EPERM)));
    ASSERT_EQ(-1, ::socket(AF_UNIX, SOCK_STREAM, 0));
    EXPECT_TRUE(rehearse_token());
}

TEST(Rehearsal, NeedsNoFileOfTheMachine) {
    if (::geteuid() != 0) NSUPCALL_SKIP("an empty root directory needs root");
    const auto folder = must(TempDir::create());
    fs::create_directory(folder.path() / "proc");
    run_forked([&] {
        ASSERT_EQ(0, ::unshare(CLONE_NEWNS));
        ASSERT_EQ(0, ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr));
        ASSERT_EQ(0, ::mount("/proc", (folder.path() / "proc").c_str(), nullptr, MS_BIND, nullptr));
        const nsutil::UniqueFd root(::open(folder.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
        ASSERT_EQ(0, nsutil::change_root(root.get()));
        EXPECT_NE(0, ::access("/etc", F_OK));
        EXPECT_TRUE(rehearse_token());
    });
}

}  // namespace
}  // namespace nsupcall::test
