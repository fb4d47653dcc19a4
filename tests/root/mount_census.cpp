/// @file
/// What the kernel tells of the mounts of all mount namespaces.

#include "session/mount_census.hpp"

#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <string>

#include "bench/crowd.hpp"
#include "session/cifs_mounts.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

constexpr std::uint64_t kRamfs[] = {0x858458f6};  // RAMFS_MAGIC
constexpr std::size_t kMounts = 700;              // more than are listed at once

nsutil::Deadline soon() {
    return nsutil::Deadline::after(std::chrono::seconds(20));
}

/// Linux 6.12 and later can tell.
bool kernel_tells() {
    utsname name = {};
    int major = 0, minor = 0;
    return ::uname(&name) == 0 && std::sscanf(name.release, "%d.%d", &major, &minor) == 2 &&
           (major > 6 || (major == 6 && minor >= 12));
}

ino_t namespace_of(pid_t process) {
    struct stat info = {};
    return ::stat(("/proc/" + std::to_string(process) + "/ns/mnt").c_str(), &info) == 0 ? info.st_ino : 0;
}

class MountCensusTest : public testing::Test {
  protected:
    void SetUp() override {
        if (!kernel_tells()) {
            EXPECT_EQ(ENOSYS, count_mounts(kRamfs, soon()).error().code);
            NSUPCALL_SKIP("this kernel lists no mount namespaces (needs Linux 6.12)");
        }
    }
};

TEST_F(MountCensusTest, EachNamespace_IsCounted_WhateverItsProcessesSee) {
    const auto folder = must(TempDir::create()), away = must(TempDir::create());
    const auto mount_many = [&](int) {
        if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
        for (std::size_t count = 0; count < kMounts; ++count)
            if (::mount("ramfs", folder.path().c_str(), "ramfs", 0, nullptr) != 0) return false;
        return true;
    };
    const Crowd sees(1, 1, mount_many);
    const Crowd looks_away(1, 1, [&](int number) {
        return mount_many(number) && ::chroot(away.path().c_str()) == 0 && ::chdir("/") == 0;
    });
    ASSERT_TRUE(sees.complete() && looks_away.complete());
    const auto census = must(count_mounts(kRamfs, soon()));
    const auto before = census.at(namespace_of(::getpid())).count;
    EXPECT_EQ(before + kMounts, census.at(namespace_of(sees.last())).count);
    EXPECT_EQ(before + kMounts, census.at(namespace_of(looks_away.last())).count);
}

TEST_F(MountCensusTest, NamespacesOfContainers_AreToldFromTheHosts) {
    const auto folder = must(TempDir::create());
    const auto mount_one = [&](int) {
        return ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
               ::mount("ramfs", folder.path().c_str(), "ramfs", 0, nullptr) == 0;
    };
    const Crowd of_host(1, 1, mount_one);
    const Crowd of_container(
        1, 1, [&](int number) { return mount_one(number) && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0; });
    ASSERT_TRUE(of_host.complete() && of_container.complete());
    const auto census = must(count_mounts(kRamfs, soon()));
    EXPECT_TRUE(census.at(namespace_of(of_host.last())).of_host);
    EXPECT_FALSE(census.at(namespace_of(of_container.last())).of_host);
}

TEST_F(MountCensusTest, ManyNamespaces_AreAllThere) {
    constexpr int kNamespaces = 300;
    const Crowd crowd(kNamespaces, 1);
    ASSERT_TRUE(crowd.complete());
    const auto census = must(count_mounts(kSmbMagics, soon()));
    EXPECT_GT(census.size(), std::size_t{kNamespaces});
    EXPECT_TRUE(census.contains(namespace_of(crowd.last())));
    EXPECT_TRUE(census.contains(namespace_of(::getpid())));
}

TEST_F(MountCensusTest, Deadline_EndsIt) {
    EXPECT_EQ(ETIMEDOUT,
              count_mounts(kSmbMagics, nsutil::Deadline::after(std::chrono::milliseconds(0))).error().code);
}

FORKED_TEST(MountCensus, WhoMayNotLook_IsToldNothing) {
    ASSERT_EQ(0, ::setresuid(65534, 65534, 65534));
    EXPECT_EQ(ENOSYS, count_mounts(kSmbMagics, soon()).error().code);
}

}  // namespace
}  // namespace nsupcall::test
