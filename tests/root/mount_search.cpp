/// @file
/// Whose mount it is, where a container wants nobody to know. (With real SMB mounts: tests/vm.)

#include "session/mount_search.hpp"

#include <gtest/gtest.h>
#include <seccomp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <string>

#include "bench/crowd.hpp"
#include "session/cifs_mounts.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"

namespace nsupcall::test {
namespace {

/// More mounts in this process' namespace than are read, at a path that could be one of an SMB mount.
bool mount_without_end() {
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/mnt", "tmpfs", 0, nullptr) != 0)
        return false;
    std::string path = "/mnt";
    const auto name = "/cifs" + std::string(240, 'x');
    constexpr std::size_t kPathMost = 3800;
    while (path.size() + name.size() < kPathMost) {
        path += name;
        if (::mkdir(path.c_str(), 0755) != 0) return false;
    }
    // Each is told with the path below its file system's root and that of its place.
    const auto enough = kMountinfoLimit / (2 * path.size()) + 1;
    for (std::size_t count = 0; count < enough; ++count)
        if (::mount(path.c_str(), path.c_str(), nullptr, MS_BIND, nullptr) != 0) return false;
    return true;
}

/// As before Linux 6.8.
bool forget_listmount() {
    constexpr int kListmount = 458;
    scmp_filter_ctx filter = ::seccomp_init(SCMP_ACT_ALLOW);
    const bool done = filter != nullptr &&
                      ::seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), kListmount, 0) == 0 &&
                      ::seccomp_load(filter) == 0;
    ::seccomp_release(filter);
    return done;
}

nsutil::Result<HolderSearch> search() {
    const SessionKey key{"fs.lab.test", "192.0.2.1", "", 7001, false};
    return find_holders(key, must(nsutil::NamespaceView::own()),
                        nsutil::Deadline::after(std::chrono::seconds(20)));
}

// The kernel's own count of its SMB mounts, none, leaves no doubt. Where there is none the table may be that
// of a holder, which must not be taken for one that holds nothing.
FORKED_TEST(MountSearch, TableThatNobodyCanRead_IsNotTakenForAnEmptyOne) {
    const Crowd hidden(1, 1, [](int) { return mount_without_end(); });
    ASSERT_TRUE(hidden.complete());
    ASSERT_TRUE(forget_listmount());
    const auto found = search();
    ASSERT_FALSE(found);
    EXPECT_EQ(ENOKEY, found.error().code);
    EXPECT_NE(std::string::npos,
              found.error().what.find("what process " + std::to_string(hidden.last()) + " has mounted"))
        << found.error().what;
}

FORKED_TEST(MountSearch, NobodysMount_HasNoHolder) {
    const Crowd others(3, 2);
    ASSERT_TRUE(others.complete());
    for (const bool old_kernel : {false, true}) {
        ASSERT_TRUE(!old_kernel || forget_listmount());
        const auto found = must(search());
        EXPECT_TRUE(found.complete);
        EXPECT_FALSE(found.host);
        EXPECT_EQ(0U, found.others);
    }
}

}  // namespace
}  // namespace nsupcall::test
