#include "session/cifs_mounts.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "nsutil/bounded_read.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall {
namespace {

using test::must;

// As Linux 6.12 prints them.
constexpr const char* kHost =
    "29 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro\n"
    "95 29 0:44 / /mnt/a\\040b rw,relatime shared:2 - cifs //FS.lab.test/data\\040one "
    "rw,vers=3.1.1,sec=krb5,cruid=7001,cache=strict,upcall_target=app,username=labu1,uid=0,noforceuid,gid=0,"
    "noforcegid,addr=10.99.0.1,file_mode=0755,dir_mode=0755,soft,nounix,serverino,mapposix,reparse=nfs,rsize="
    "4194304,wsize=4194304,bsize=1048576,retrans=1,echo_interval=60,actimeo=1,closetimeo=1\n";
constexpr const char* kMultiuser =
    "96 29 0:45 / /mnt/m rw,relatime - smb3 //fs6.lab.test/data "
    "rw,vers=3.1.1,sec=krb5,cruid=0,cache=strict,multiuser,uid=0,addr=fe80:0000:0000:0000:0000:0000:0000:"
    "0001%2,soft\n";
constexpr const char* kPassword =
    "97 29 0:46 / /mnt/p rw - cifs //fs.lab.test/other rw,sec=ntlmssp,username=u,addr=10.99.0.1\n";

SessionKey key() {
    return {"fs.lab.test", "10.99.0.1", "labu1", 7001, false};
}

TEST(CifsMounts, MountTable_GivesWhatTellsSessionsApart) {
    ASSERT_TRUE(may_hold_cifs(kHost));
    const auto mounts = parse_cifs_mounts(std::string(kHost) + kMultiuser + kPassword);
    ASSERT_TRUE(mounts) << mounts.error().text();
    ASSERT_EQ(3U, mounts->size());
    EXPECT_EQ((CifsMount{"FS.lab.test", "10.99.0.1", "labu1", 7001, false}), (*mounts)[0]);
    EXPECT_EQ((CifsMount{"fs6.lab.test", "fe80::1", "", 0, true}), (*mounts)[1]);
    EXPECT_EQ((CifsMount{"fs.lab.test", "10.99.0.1", "u", std::nullopt, false}), (*mounts)[2]);
}

TEST(CifsMounts, NoCifs_IsSeenWithoutParsing) {
    EXPECT_FALSE(
        may_hold_cifs("29 1 254:1 / / rw - ext4 /dev/vda1 rw\n30 29 0:5 / /cifs rw - tmpfs cifs rw\n"));
    EXPECT_TRUE(may_hold_cifs(kMultiuser));
}

/// The folder of a process, as far as its mounts go.
class ProcessFolder {
  public:
    explicit ProcessFolder(const std::optional<std::string>& mountstats) {
        std::filesystem::create_directory(folder_.path() / "7");
        if (mountstats) must(test::write_file(folder_.path() / "7/mountstats", *mountstats));
    }
    [[nodiscard]] nsutil::Result<bool> may_see() const {
        const auto fd = must(nsutil::open_at(AT_FDCWD, folder_.path().c_str(), O_PATH | O_DIRECTORY));
        return may_see_cifs(fd.get(), 7);
    }

  private:
    test::TempDir folder_ = must(test::TempDir::create());
};

TEST(CifsMounts, Statistics_TellWhetherTheTableIsWorthwhile) {
    const std::string root = "device /dev/vda1 mounted on / with fstype ext4\n";
    EXPECT_FALSE(must(ProcessFolder(root).may_see()));
    EXPECT_TRUE(must(ProcessFolder(root + "device //fs/x mounted on /mnt with fstype cifs\n").may_see()));
    EXPECT_TRUE(must(ProcessFolder(root + "device //fs/x mounted on /mnt with fstype smb3\n").may_see()));
    EXPECT_EQ(EFBIG, ProcessFolder(std::string(kMountinfoLimit + 1, 'x')).may_see().error().code);
    EXPECT_EQ(ESRCH, ProcessFolder("").may_see().error().code) << "no mount below its root";
    EXPECT_EQ(ESRCH, ProcessFolder(std::nullopt).may_see().error().code) << "it has ended";
}

TEST(CifsMounts, OwnStatistics_AreRead) {
    const auto proc = must(nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY));
    EXPECT_TRUE(may_see_cifs(proc.get(), ::getpid()));
    EXPECT_TRUE(read_mountinfo(proc.get(), ::getpid()));
}

TEST(CifsMounts, Empty_GivesNone) {
    EXPECT_TRUE(parse_cifs_mounts("").value().empty());
}

TEST(CifsMounts, Rubbish_GivesNothingThatASessionCouldBelongTo) {
    // libmount takes such lines for those of an fstab.
    const auto mounts =
        parse_cifs_mounts("//fs.lab.test/data - cifs \n\n - cifs\n").value_or(std::vector<CifsMount>());
    for (const auto& mount : mounts) EXPECT_FALSE(may_belong(key(), mount)) << mount.host;
}

TEST(MayBelong, ServerUserAndOwner_MustFit) {
    const CifsMount mount{"FS.lab.test", "10.99.0.1", "labu1", 7001, false};
    EXPECT_TRUE(may_belong(key(), mount));
    auto other = key();
    other.address = "10.99.0.5";
    EXPECT_TRUE(may_belong(other, mount)) << "same name, another address: multichannel";
    other.host = "alias.lab.test";
    EXPECT_FALSE(may_belong(other, mount));
    other.address = "10.99.0.1";
    EXPECT_TRUE(may_belong(other, mount)) << "another name of the same address";
    other = key();
    other.creduid = 7002;
    EXPECT_FALSE(may_belong(other, mount));
    other = key();
    other.user = "labu2";
    EXPECT_FALSE(may_belong(other, mount));
    other.user = "";
    EXPECT_TRUE(may_belong(other, mount));
}

TEST(MayBelong, Multiuser_IsEveryUsers) {
    const CifsMount mount{"fs.lab.test", "10.99.0.1", "", 0, true};
    EXPECT_TRUE(may_belong(key(), mount));
}

TEST(MayBelong, MountWithoutKerberos_NeverDoes) {
    EXPECT_FALSE(may_belong(key(), {"fs.lab.test", "10.99.0.1", "labu1", std::nullopt, false}));
    EXPECT_FALSE(may_belong(key(), {"fs.lab.test", "10.99.0.1", "", std::nullopt, true}));
}

TEST(CifsMounts, CommaInAUserName_BringsNoOptionIn) {
    // username=u,multiuser,addr=6.6.6.6, as the kernel escapes it.
    const auto mounts = parse_cifs_mounts(
        "97 29 0:46 / /mnt/p rw - cifs //fs.lab.test/s rw,sec=krb5,cruid=5001,"
        "username=u\\054multiuser\\054addr=6.6.6.6,addr=10.99.0.1\n");
    ASSERT_EQ(1U, mounts.value().size());
    EXPECT_EQ("u,multiuser,addr=6.6.6.6", mounts->front().user);
    EXPECT_FALSE(mounts->front().multiuser);
    EXPECT_EQ("10.99.0.1", mounts->front().address);
}

}  // namespace
}  // namespace nsupcall
