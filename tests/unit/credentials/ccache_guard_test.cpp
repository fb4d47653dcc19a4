#include "credentials/ccache_guard.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "support/forked_test.hpp"
#include "support/skip.hpp"

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

TEST(CcacheName, Split) {
    struct {
        const char *name, *type, *residual, *directory;
    } const cases[] = {
        {"FILE:/tmp/krb5cc_0", "FILE", "/tmp/krb5cc_0", "/tmp"},
        {"/tmp/krb5cc_0", "FILE", "/tmp/krb5cc_0", "/tmp"},
        {"FILE:/krb5cc", "FILE", "/krb5cc", "/"},
        {"FILE:krb5cc", "FILE", "krb5cc", ""},
        {"FILE:", "FILE", "", ""},
        {"", "FILE", "", ""},
        {":", "", "", ""},
        {"DIR:/run/user/0/cc", "DIR", "/run/user/0/cc", "/run/user/0/cc"},
        {"DIR::/run/user/0/cc/tktA", "DIR", ":/run/user/0/cc/tktA", "/run/user/0/cc"},
        {"DIR:cc", "DIR", "cc", ""},
        {"KEYRING:persistent:5001", "KEYRING", "persistent:5001", ""},
        {"KCM:5001:1", "KCM", "5001:1", ""},
        {"FILE:/tmp/a:b", "FILE", "/tmp/a:b", "/tmp"},
    };
    for (const auto& [name, type, residual, directory] : cases) {
        const auto split = CcacheName::split(name);
        EXPECT_EQ(type, split.type) << name;
        EXPECT_EQ(residual, split.residual) << name;
        EXPECT_EQ(directory, split.directory()) << name;
    }
}

/// The verdict on a name; nothing: it may be opened.
std::optional<Verdict> verdict_on(const std::string& name, std::uint32_t uid) {
    const auto objection = object_to(CcacheName::split(name), uid);
    if (!objection) return std::nullopt;
    return objection->verdict;
}

/// A folder with files of the caller's and, for root, of others.
class ObjectTo : public testing::Test {
  protected:
    static constexpr std::uint32_t kUser = 4100001, kOther = 4100002;

    void SetUp() override {
        std::string name = testing::TempDir() + "nsupcall-ccache-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        folder_ = name;
        if (::geteuid() != 0) NSUPCALL_SKIP("files of several users: only root can make them");
    }
    void TearDown() override { fs::remove_all(folder_); }

    std::string put(const std::string& name, std::uint32_t owner = kUser,
                    const std::string& content = "ccache") {
        const auto path = (folder_ / name).string();
        fs::create_directories(fs::path(path).parent_path());
        std::ofstream(path) << content;
        EXPECT_EQ(0, ::lchown(path.c_str(), owner, owner));
        return path;
    }
    std::string folder(const std::string& name, std::uint32_t owner = kUser) {
        const auto path = (folder_ / name).string();
        fs::create_directories(path);
        EXPECT_EQ(0, ::chown(path.c_str(), owner, owner));
        return path;
    }
    std::string node(const std::string& name, mode_t kind, dev_t device = 0) {
        const auto path = (folder_ / name).string();
        EXPECT_EQ(0, ::mknod(path.c_str(), kind | 0600, device));
        EXPECT_EQ(0, ::chown(path.c_str(), kUser, kUser));
        return path;
    }
    std::string link(const std::string& name, const std::string& target) {
        const auto path = (folder_ / name).string();
        EXPECT_EQ(0, ::symlink(target.c_str(), path.c_str()));
        EXPECT_EQ(0, ::lchown(path.c_str(), kUser, kUser));
        return path;
    }

    fs::path folder_;
};

TEST_F(ObjectTo, File_ByOwner) {
    EXPECT_EQ(std::nullopt, verdict_on("FILE:" + put("own"), kUser));
    EXPECT_EQ(std::nullopt, verdict_on(put("without_type"), kUser));
    EXPECT_EQ(std::nullopt, verdict_on("FILE:" + put("roots", 0), kUser));
    EXPECT_EQ(Verdict::not_owned, verdict_on("FILE:" + put("others", kOther), kUser));
    EXPECT_EQ(Verdict::not_owned, verdict_on("FILE:" + put("users", kUser), 0));
}

TEST_F(ObjectTo, File_ByKind) {
    EXPECT_EQ(Verdict::absent, verdict_on("FILE:" + (folder_ / "absent").string(), kUser));
    EXPECT_EQ(Verdict::absent, verdict_on("FILE:" + put("file") + "/below", kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + folder("folder"), kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + node("null", S_IFCHR, ::makedev(1, 3)), kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + node("zero", S_IFCHR, ::makedev(1, 5)), kUser));
    EXPECT_EQ(Verdict::unsupported, verdict_on("FILE:relative", kUser));
    EXPECT_EQ(Verdict::unsupported, verdict_on("FILE:", kUser));
    EXPECT_EQ(Verdict::unsupported, verdict_on("FILE:~/cc", kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + put("x") + std::string(1, '\0') + "y", kUser));
}

TEST_F(ObjectTo, Fifo_IsRefusedWithoutWaiting) {
    const auto path = node("fifo", S_IFIFO);
    const auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + path, kUser));
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(ObjectTo, Socket_IsRefused) {
    const auto path = (folder_ / "socket").string();
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    ASSERT_EQ(0, ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + path, kUser));
    ::close(fd);
}

TEST_F(ObjectTo, Size) {
    const auto path = put("large");
    ASSERT_EQ(0, ::truncate(path.c_str(), kCcacheBytesMost));
    EXPECT_EQ(std::nullopt, verdict_on("FILE:" + path, kUser));
    ASSERT_EQ(0, ::truncate(path.c_str(), kCcacheBytesMost + 1));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + path, kUser));
    EXPECT_EQ(Verdict::no_ticket, verdict_on("FILE:" + put("empty", kUser, ""), kUser));
}

TEST_F(ObjectTo, Links_LeadWhereTheyLead) {
    EXPECT_EQ(std::nullopt, verdict_on("FILE:" + link("to_own", put("own")), kUser));
    EXPECT_EQ(Verdict::not_owned, verdict_on("FILE:" + link("to_others", put("others", kOther)), kUser));
    EXPECT_EQ(Verdict::absent, verdict_on("FILE:" + link("dangling", "/nonexistent"), kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("FILE:" + link("to_device", "/dev/zero"), kUser));
    EXPECT_EQ(Verdict::failed, verdict_on("FILE:" + link("loop", (folder_ / "loop").string()), kUser));
    const auto hard = folder_ / "hard";
    fs::create_hard_link(folder_ / "others", hard);
    EXPECT_EQ(Verdict::not_owned, verdict_on("FILE:" + hard.string(), kUser));
}

TEST_F(ObjectTo, Unreadable_IsSaid) {
    const auto path = put("roots", 0);
    ASSERT_EQ(0, ::chmod(path.c_str(), 0600));
    ASSERT_EQ(0, ::chmod(folder_.c_str(), 0755));
    test::run_forked([&] {
        ASSERT_EQ(0, ::setresuid(kUser, kUser, kUser));
        EXPECT_EQ(Verdict::unreadable, verdict_on("FILE:" + path, kUser));
    });
}

TEST_F(ObjectTo, Directory) {
    const auto directory = folder("dir");
    EXPECT_EQ(std::nullopt, verdict_on("DIR:" + directory, kUser)) << "a primary is not needed";
    (void)put("dir/primary", kUser, "tkt\n");
    (void)put("dir/tkt");
    EXPECT_EQ(std::nullopt, verdict_on("DIR:" + directory, kUser));
    EXPECT_EQ(std::nullopt, verdict_on("DIR::" + directory + "/tkt", kUser));
    EXPECT_EQ(Verdict::absent, verdict_on("DIR::" + directory + "/other", kUser));
    EXPECT_EQ(Verdict::not_owned, verdict_on("DIR:" + folder("others", kOther), kUser));
    EXPECT_EQ(Verdict::malformed, verdict_on("DIR:" + put("file"), kUser));
    EXPECT_EQ(Verdict::absent, verdict_on("DIR:" + directory + "/none", kUser));
    EXPECT_EQ(Verdict::unsupported, verdict_on("DIR:relative", kUser));
}

TEST_F(ObjectTo, DirectoryWhosePrimaryIsATrap) {
    (void)folder("fifo");
    (void)node("fifo/primary", S_IFIFO);
    EXPECT_EQ(Verdict::malformed, verdict_on("DIR:" + (folder_ / "fifo").string(), kUser));
    (void)folder("others");
    (void)put("others/primary", kOther);
    EXPECT_EQ(Verdict::not_owned, verdict_on("DIR:" + (folder_ / "others").string(), kUser));
}

TEST(ObjectToName, TypesWithoutAPlace) {
    struct {
        const char* name;
        std::optional<Verdict> verdict;
    } const cases[] = {
        {"KCM:", std::nullopt},
        {"KCM:5001:7", std::nullopt},
        {"KEYRING:persistent", std::nullopt},
        {"KEYRING:persistent:5001", std::nullopt},
        {"KEYRING:persistent:5001:name", std::nullopt},
        {"KEYRING:user:name", std::nullopt},
        {"KEYRING:persistent:5002", Verdict::not_owned},
        {"KEYRING:persistent:5002:name", Verdict::not_owned},
        {"KEYRING:persistent:0", Verdict::not_owned},
        {"KEYRING:persistent:", Verdict::not_owned},
        {"KEYRING:persistent:x", Verdict::not_owned},
        {"KEYRING:persistent:4294972297", Verdict::not_owned},  // 5001 and 2^32
        {"KEYRING:session:name", Verdict::unsupported},
        {"KEYRING:name", Verdict::unsupported},
        {"KEYRING:", Verdict::unsupported},
        {"KEYRING:process:name", Verdict::unsupported},
        {"KEYRING:thread:name", Verdict::unsupported},
        {"MEMORY:x", Verdict::unsupported},
        {"API:x", Verdict::unsupported},
        {"MSLSA:", Verdict::unsupported},
        {"file:/tmp/x", Verdict::unsupported},
        {":", Verdict::unsupported},
    };
    for (const auto& [name, verdict] : cases) EXPECT_EQ(verdict, verdict_on(name, 5001)) << name;
}

}  // namespace
}  // namespace nsupcall
