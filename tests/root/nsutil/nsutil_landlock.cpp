#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "filters.hpp"
#include "nsutil/sandbox.hpp"
#include "support/forked_test.hpp"
#include "support/skip.hpp"

namespace nsutil {
namespace {

long landlock_abi() {
    return ::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
}

/// A folder with a directory that may be written to and one that may not; each test body runs in a child.
class RestrictFiles : public testing::Test {
  protected:
    void SetUp() override {
        if (landlock_abi() < 1) NSUPCALL_SKIP("this kernel has no Landlock");
        std::string name = testing::TempDir() + "nsupcall-landlock-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        folder_ = name;
        for (const char* sub : {"open", "closed"}) {
            std::filesystem::create_directories(folder_ / sub / "sub");
            std::ofstream(folder_ / sub / "file") << "content";
            std::ofstream(folder_ / sub / "other") << "content";
        }
    }
    void TearDown() override {
        if (!folder_.empty()) std::filesystem::remove_all(folder_);
    }

    /// Confines the calling child: everything readable, "open" writable.
    void confine() const {
        ASSERT_EQ(0, set_no_new_privs());
        const int root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        const std::array<int, 1> writable = {::open(path("open").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
        ASSERT_EQ(0, restrict_files(root, writable));
        ::close(root);
        ::close(writable[0]);
    }
    [[nodiscard]] std::string path(const char* name) const { return folder_ / name; }

    std::filesystem::path folder_;
};

#define EXPECT_DENIED(errno_value, call)            \
    do {                                            \
        errno = 0;                                  \
        EXPECT_LT((call), 0) << #call << " worked"; \
        EXPECT_EQ(errno_value, errno) << #call;     \
    } while (false)

TEST_F(RestrictFiles, Reading_StaysPossible) {
    nsupcall::test::run_forked([&] {
        confine();
        char text[16] = {};
        const int file = ::open(path("closed/file").c_str(), O_RDONLY | O_CLOEXEC);
        ASSERT_GE(file, 0);
        EXPECT_EQ(7, ::read(file, text, sizeof text));
        EXPECT_STREQ("content", text);
        int entries = 0;
        for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder_ / "closed"))
            ++entries;
        EXPECT_EQ(3, entries);
    });
}

TEST_F(RestrictFiles, WritingElsewhere_IsDenied) {
    nsupcall::test::run_forked([&] {
        confine();
        const auto file = path("closed/file"), fresh = path("closed/new");
        EXPECT_DENIED(EACCES, ::open(file.c_str(), O_WRONLY | O_CLOEXEC));
        EXPECT_DENIED(EACCES, ::open(file.c_str(), O_RDWR | O_CLOEXEC));
        EXPECT_DENIED(EACCES, ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        EXPECT_DENIED(EACCES, ::unlink(file.c_str()));
        EXPECT_DENIED(EACCES, ::rmdir(path("closed/sub").c_str()));
        EXPECT_DENIED(EACCES, ::mkdir(fresh.c_str(), 0700));
        EXPECT_DENIED(EACCES, ::symlink("x", fresh.c_str()));
        EXPECT_DENIED(EACCES, ::rename(file.c_str(), fresh.c_str()));
        if (landlock_abi() >= 3) EXPECT_DENIED(EACCES, ::truncate(file.c_str(), 0));
    });
    EXPECT_EQ(7U, std::filesystem::file_size(folder_ / "closed/file"));
}

TEST_F(RestrictFiles, WritingACcache_Works) {
    nsupcall::test::run_forked([&] {
        confine();
        const auto file = path("open/file"), fresh = path("open/new");
        const int in_place = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
        ASSERT_GE(in_place, 0);
        EXPECT_EQ(1, ::write(in_place, "X", 1));
        EXPECT_EQ(0, ::ftruncate(in_place, 3));
        const int made = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        ASSERT_GE(made, 0);
        EXPECT_EQ(3, ::write(made, "new", 3));
        EXPECT_EQ(0, ::rename(fresh.c_str(), file.c_str()));
        EXPECT_EQ(0, ::unlink(path("open/other").c_str()));
        EXPECT_GE(::open(path("open/sub/deep").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), 0);
    });
    std::ifstream file(folder_ / "open/file");
    std::string content;
    file >> content;
    EXPECT_EQ("new", content);
    EXPECT_FALSE(std::filesystem::exists(folder_ / "open/other"));
    EXPECT_TRUE(std::filesystem::exists(folder_ / "open/sub/deep"));
}

TEST_F(RestrictFiles, AnythingButFilesInTheCcachesDirectory_IsDenied) {
    nsupcall::test::run_forked([&] {
        confine();
        const auto fresh = path("open/new");
        EXPECT_DENIED(EACCES, ::mkdir(fresh.c_str(), 0700));
        EXPECT_DENIED(EACCES, ::symlink("x", fresh.c_str()));
        EXPECT_DENIED(EACCES, ::mknod(fresh.c_str(), S_IFIFO | 0600, 0));
        EXPECT_DENIED(EACCES, ::mknod(fresh.c_str(), S_IFCHR | 0600, 0x103));
        EXPECT_DENIED(EACCES, ::rmdir(path("open/sub").c_str()));
        // Out of the directory, or into it from outside, in either way. The kernel says EXDEV where rename(2)
        // is free to be replaced by a copy.
        errno = 0;
        EXPECT_LT(::rename(path("open/file").c_str(), path("closed/moved").c_str()), 0);
        EXPECT_TRUE(errno == EACCES || errno == EXDEV) << errno;
        EXPECT_LT(::link(path("closed/file").c_str(), path("open/linked").c_str()), 0);
        EXPECT_TRUE(errno == EACCES || errno == EXDEV) << errno;
    });
}

TEST_F(RestrictFiles, Executing_IsDenied) {
    std::filesystem::copy_file("/bin/true", folder_ / "open/true");
    nsupcall::test::run_forked([&] {
        confine();
        char* const argv[] = {nullptr};
        for (const auto& program : {std::string("/bin/true"), path("open/true")})
            EXPECT_DENIED(EACCES, ::execve(program.c_str(), argv, argv));
    });
}

TEST_F(RestrictFiles, Signals_ReachNobodyOutside) {
    if (landlock_abi() < 6) NSUPCALL_SKIP("Landlock of this kernel has no scopes");
    const pid_t outside = ::getpid();
    nsupcall::test::run_forked([&] {
        confine();
        EXPECT_DENIED(EPERM, ::kill(outside, 0));
        EXPECT_EQ(0, ::kill(::getpid(), 0));
    });
}

TEST_F(RestrictFiles, AbstractSocketsOutside_AreOutOfReach) {
    if (landlock_abi() < 6) NSUPCALL_SKIP("Landlock of this kernel has no scopes");
    const int listener = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, folder_.c_str(), folder_.native().size());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    ASSERT_EQ(0, ::bind(listener, generic, sizeof address));
    ASSERT_EQ(0, ::listen(listener, 1));
    nsupcall::test::run_forked([&] {
        const int before = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(0, ::connect(before, generic, sizeof address));
        confine();
        EXPECT_DENIED(EPERM,
                      ::connect(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), generic, sizeof address));
    });
    ::close(listener);
}

TEST_F(RestrictFiles, TcpPorts_AreNotBound) {
    if (landlock_abi() < 4) NSUPCALL_SKIP("Landlock of this kernel knows no network");
    nsupcall::test::run_forked([&] {
        confine();
        sockaddr_in any = {};
        any.sin_family = AF_INET;
        any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* generic = reinterpret_cast<const sockaddr*>(&any);
        EXPECT_DENIED(EACCES, ::bind(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), generic, sizeof any));
        // Replies of a KDC come to a UDP port.
        EXPECT_EQ(0, ::bind(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), generic, sizeof any));
    });
}

TEST_F(RestrictFiles, BadDescriptor_IsAnError) {
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, set_no_new_privs());
        EXPECT_EQ(EBADF, restrict_files(-1, {}));
        // Nothing was put in force.
        EXPECT_GE(::open(path("closed/file").c_str(), O_WRONLY | O_CLOEXEC), 0);
    });
}

TEST_F(RestrictFiles, WithoutLandlock_SaysEnosys) {
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, set_no_new_privs());
        ASSERT_EQ(0, install_seccomp(nsupcall::test::deny(SYS_landlock_create_ruleset, ENOSYS)));
        EXPECT_EQ(ENOSYS, restrict_files(AT_FDCWD, {}));
    });
}

}  // namespace
}  // namespace nsutil
