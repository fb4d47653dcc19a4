#include "admin/mount_behind.hpp"

#include <gtest/gtest.h>

#include "admin/named_mount.hpp"

namespace nsupcall::admin {
namespace {

nsutil::MountTable parse(std::string_view text) {
    auto table = nsutil::MountTable::parse(text);
    EXPECT_TRUE(table) << table.error().text();
    return table ? std::move(*table) : nsutil::MountTable();
}

constexpr std::string_view kHost =
    "21 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
    "30 21 0:50 / "
    "/var/lib/kubelet/pods/11111111-2222-3333-4444-555555555555/volumes/kubernetes.io~secret/krb5 rw - "
    "tmpfs tmpfs rw\n";
constexpr std::string_view kInside =
    "100 99 0:60 / / rw - overlay overlay rw\n"
    "101 100 0:50 / /krb5 ro - tmpfs tmpfs rw\n"
    "102 100 8:1 /srv/containers/volumes/tickets/_data /tickets rw - ext4 /dev/sda1 rw\n"
    "103 100 0:61 / /tmp rw - tmpfs tmpfs rw\n"
    "104 100 0:70 / /mnt/share rw - cifs //fs.lab.test/share "
    "rw,sec=krb5,cruid=1000,username=al\\054ice,uid=7,"
    "addr=10.0.0.7,upcall_target=app\n"
    "105 100 0:71 / /mnt/share/deeper rw - ext4 /dev/sdb rw\n";

TEST(MountBehind, SecretVolumes_AreNamedByTheKubeletsFolders) {
    const auto host = parse(kHost), inside = parse(kInside);
    const auto behind = mount_behind(inside, host, 101);
    ASSERT_TRUE(behind);
    EXPECT_EQ("/krb5", behind->target);
    EXPECT_EQ("secret krb5", behind->volume);
    EXPECT_TRUE(behind->host_path.starts_with("/var/lib/kubelet/pods/")) << behind->host_path;
}

TEST(MountBehind, BindMounts_AreFoundOnTheHost) {
    const auto host = parse(kHost), inside = parse(kInside);
    const auto behind = mount_behind(inside, host, 102);
    ASSERT_TRUE(behind);
    EXPECT_EQ("/srv/containers/volumes/tickets/_data", behind->host_path);
    EXPECT_EQ("volume tickets", behind->volume);
}

TEST(MountBehind, PrivateMounts_HaveNoPathOnTheHost) {
    const auto host = parse(kHost), inside = parse(kInside);
    const auto behind = mount_behind(inside, host, 103);
    ASSERT_TRUE(behind);
    EXPECT_EQ("", behind->host_path);
    EXPECT_EQ("", behind->volume);
    EXPECT_FALSE(mount_behind(inside, host, 999));
    EXPECT_FALSE(mount_behind(inside, host, 0));
}

TEST(MountBehind, FoldersThatOnlyLookLikeVolumes_AreNone) {
    EXPECT_EQ("", volume_of("/srv/volumes"));
    EXPECT_EQ("", volume_of("/srv/volumes/"));
    EXPECT_EQ("", volume_of("/srv/volumes/kubernetes.io~secret"));
    EXPECT_EQ("csi smb", volume_of("/x/volumes/kubernetes.io~csi/smb/mount"));
}

TEST(RequestOfMount, OptionsBecomeTheRequest) {
    const auto inside = parse(kInside);
    const auto* mount = mount_of_path(inside, "/mnt/share/a/b");
    ASSERT_NE(nullptr, mount);
    EXPECT_EQ(104, mount->id);
    const auto request = request_of_mount(*mount);
    ASSERT_TRUE(request) << request.error().text();
    EXPECT_EQ("fs.lab.test", request->host);
    EXPECT_EQ("10.0.0.7", request->address);
    EXPECT_EQ("al,ice", request->user);
    EXPECT_EQ(1000U, request->creduid);
    EXPECT_EQ(7U, request->uid);
    EXPECT_EQ(UpcallTarget::app, request->target);
}

TEST(MountOfPath, TheDeepestCounts_AndNoPrefixOfAName) {
    const auto inside = parse(kInside);
    EXPECT_EQ(105, mount_of_path(inside, "/mnt/share/deeper/x")->id);
    EXPECT_EQ(100, mount_of_path(inside, "/mnt/shared")->id);
    EXPECT_EQ(104, mount_of_path(inside, "/mnt/share")->id);
}

}  // namespace
}  // namespace nsupcall::admin
