#include "request/container_id.hpp"

#include <gtest/gtest.h>

namespace nsupcall {
namespace {

const std::string kA = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const std::string kB = std::string(64, 'b');

TEST(ContainerId, AsEnginesNameTheirGroups) {
    for (const auto& path : {
             "/machine.slice/libpod-" + kA + ".scope",
             "/machine.slice/libpod-" + kA + ".scope/container",
             "/libpod_parent/libpod-" + kA,
             "/docker/" + kA,
             "/system.slice/docker-" + kA + ".scope",
             "/kubepods.slice/kubepods-besteffort.slice/"
             "kubepods-besteffort-pod1a2b3c4d_1a2b_1a2b_1a2b_1a2b3c4d5e6f.slice/"
             "cri-containerd-" +
                 kA + ".scope",
             "/kubepods/besteffort/pod1a2b3c4d-1a2b-1a2b-1a2b-1a2b3c4d5e6f/" + kA,
             "/kubepods.slice/crio-" + kA + ".scope",
             "/kubepods.slice/crio-conmon-" + kA + ".scope",
         })
        EXPECT_EQ(kA, container_id_of("0::" + path + "\n")) << path;
}

TEST(ContainerId, None) {
    for (const auto& text : {std::string(), std::string("0::/\n"), std::string("0::/init.scope\n"),
                             std::string("0::/user.slice/user-1000.slice/session-3.scope\n"),
                             "0::/" + kA.substr(1) + "\n",          // 63 digits
                             "0::/" + kA + "0\n",                   // 65 digits
                             "0::/" + std::string(64, 'A') + "\n",  // upper case
                             "0::/" + kA.substr(0, 32) + "-" + kA.substr(32) + "\n",
                             "1:name=" + kA + ":/\n",  // a controller's name
                             kA + "\n", ":" + kA + "\n"})
        EXPECT_EQ("", container_id_of(text)) << text;
}

TEST(ContainerId, TheOutermostCounts) {
    EXPECT_EQ(kA, container_id_of("0::/docker/" + kA + "/docker/" + kB + "\n"));
}

TEST(ContainerId, SeveralHierarchies_TheFirstThatHasOne) {
    EXPECT_EQ(kA, container_id_of("12:pids:/\n3:cpu,cpuacct:/docker/" + kA + "\n1:name=systemd:/docker/" +
                                  kA + "\n0::/\n"));
}

TEST(ContainerId, PodOfPodman_IsPassedOver) {
    EXPECT_EQ(kA, container_id_of("0::/libpod_parent/" + kB + "/libpod-" + kA + "\n"));
    EXPECT_EQ(kA, container_id_of("0::/machine.slice/machine-libpod_pod_" + kB + ".slice/libpod-" + kA +
                                  ".scope\n"));
    EXPECT_EQ("", container_id_of("0::/libpod_parent/" + kB + "\n"));
}

TEST(ContainerId, PathWithColons) {
    EXPECT_EQ(kA, container_id_of("0::/a:b:c/" + kA + "\n"));
}

/// A line of mountinfo.
std::string mount_line(const std::string& root, const std::string& mount_point) {
    return "232 215 254:0 " + root + " " + mount_point + " rw,relatime - ext4 /dev/vda rw\n";
}

TEST(ContainerIdOfMounts, AsEnginesNameTheirFolders) {
    for (const auto& root : {
             "/home/u/.local/share/containers/storage/overlay-containers/" + kA + "/userdata/hosts",
             "/containers/vfs-containers/" + kA + "/userdata/hosts",
             "/var/lib/docker/containers/" + kA + "/hosts",
         })
        for (const std::string mount_point :
             {"/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/run/.containerenv"})
            EXPECT_EQ(kA, container_id_of_mounts(mount_line("/", "/") + mount_line(root, mount_point)))
                << root;
}

TEST(ContainerIdOfMounts, TheFirstCounts) {
    EXPECT_EQ(kA, container_id_of_mounts(mount_line("/containers/" + kA + "/hosts", "/etc/hosts") +
                                         mount_line("/containers/" + kB + "/hosts", "/etc/hosts")));
}

TEST(ContainerIdOfMounts, None) {
    for (const auto& text :
         {std::string(), std::string("\n"), std::string("1 2 3\n"), mount_line("/hosts", "/etc/hosts"),
          mount_line("/containers/" + kA + "/hosts", "/srv/hosts"),    // not the engine's doing
          mount_line("/overlay/" + kA + "/hosts", "/etc/hosts"),       // an image's layer
          mount_line("/containers/" + kA + "0/hosts", "/etc/hosts"),   // 65 digits
          mount_line("/containers/x/" + kA + "/hosts", "/etc/hosts"),  // elsewhere
          mount_line("/containers/" + std::string(64, 'A') + "/hosts", "/etc/hosts")})
        EXPECT_EQ("", container_id_of_mounts(text)) << text;
}

}  // namespace
}  // namespace nsupcall
