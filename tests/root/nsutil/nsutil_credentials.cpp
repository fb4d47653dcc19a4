#include "nsutil/credentials.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "nsutil/bounded_read.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/sandbox.hpp"
#include "nsutil/task.hpp"
#include "support/container.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::Container;
using nsupcall::test::ContainerSpec;
using nsupcall::test::must;
using nsupcall::test::UserNamespaceSpec;

TaskStatus own_status() {
    return must(must(Task::open(::getpid())).status());
}

FORKED_TEST(SetGroups, SetsAllThreeAndTheOthers) {
    const std::vector<gid_t> groups = {4000000000U, 7, 12};
    ASSERT_EQ(0, set_groups(3392012288U, groups));
    const auto status = own_status();
    EXPECT_TRUE(status.gids.all(3392012288U));
    EXPECT_EQ((std::vector<gid_t>{7, 12, 4000000000U}), status.groups);
    ASSERT_EQ(0, set_groups(65534, {}));
    EXPECT_TRUE(own_status().groups.empty());
}

FORKED_TEST(SetGroups, WithoutPrivilege_IsEperm) {
    ASSERT_EQ(0, set_user(4100001));
    EXPECT_EQ(EPERM, set_groups(0, {}));
}

FORKED_TEST(SetUser, SetsAllFour) {
    ASSERT_EQ(0, set_user(3392012288U));
    EXPECT_TRUE(own_status().uids.all(3392012288U));
}

FORKED_TEST(SetUser, TheIdThatIsNone_ChangesNothing) {
    // setresuid(2) takes -1 for "leave it", and says that all went well.
    EXPECT_EQ(0, set_user(0xffffffffU));
    EXPECT_TRUE(own_status().uids.all(0));
}

FORKED_TEST(CanChangeUser, AsRoot) {
    EXPECT_TRUE(can_change_user());
}

FORKED_TEST(CanChangeUser, AsUserWhoHasLostRoot) {
    ASSERT_EQ(0, set_user(4100001));
    EXPECT_FALSE(can_change_user());
}

FORKED_TEST(CanChangeUser, WithASavedIdLeft) {
    ASSERT_EQ(0, ::setresuid(4100001, 4100001, 0));
    EXPECT_TRUE(can_change_user());
}

FORKED_TEST(CanChangeUser, WithTheCapabilityLeft) {
    ASSERT_EQ(0, ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
    ASSERT_EQ(0, set_user(4100001));
    // Kept as permitted; put it back into force.
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct setuid_only[2] = {{1U << CAP_SETUID, 1U << CAP_SETUID, 0}, {}};
    ASSERT_EQ(0, ::syscall(SYS_capset, &header, setuid_only));
    EXPECT_TRUE(can_change_user());
}

/// Gives everything up in the order that the boundary has, within the current user namespace.
void give_up(gid_t gid, std::span<const gid_t> groups, uid_t uid) {
    ASSERT_EQ(0, set_groups(gid, groups));
    ASSERT_EQ(0, drop_bounding_set());
    ASSERT_EQ(0, set_user(uid));
    ASSERT_EQ(0, drop_capabilities());
    ASSERT_EQ(0, set_no_new_privs());
}

/// Tries the ways back that are left after a drop.
void expect_no_way_back() {
    EXPECT_FALSE(can_change_user());
    EXPECT_NE(0, ::setuid(0));
    EXPECT_NE(0, ::setresuid(0, 0, 0));
    EXPECT_NE(0, ::setgid(0));
    EXPECT_NE(0, set_groups(0, {}));
    EXPECT_NE(0, ::chroot("/"));
    EXPECT_NE(0, ::sethostname("x", 1));
    EXPECT_NE(0, ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_SETUID, 0, 0));
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct all[2] = {{~0U, ~0U, 0}, {}};
    EXPECT_NE(0, ::syscall(SYS_capset, &header, all));
}

FORKED_TEST(Drop, AsHostUser_NothingIsLeft) {
    const std::vector<gid_t> groups = {12, 4100003};
    give_up(4100002, groups, 4100001);
    const auto status = own_status();
    EXPECT_TRUE(shows_only(status, 4100001, 4100002, groups));
    EXPECT_TRUE(status.no_new_privs);
    EXPECT_FALSE(shows_only(status, 4100001, 4100002, {}));
    EXPECT_FALSE(shows_only(status, 4100001, 0, groups));
    expect_no_way_back();
}

FORKED_TEST(Drop, AsHostRoot_NothingIsLeftButTheId) {
    give_up(0, {}, 0);
    EXPECT_TRUE(shows_only(own_status(), 0, 0, {}));
    EXPECT_FALSE(can_change_user());
    EXPECT_NE(0, ::chroot("/"));
}

FORKED_TEST(Drop, HalfDone_IsNotTakenForDone) {
    EXPECT_FALSE(shows_only(own_status(), 0, 0, {}));
    ASSERT_EQ(0, set_groups(0, {}));
    EXPECT_FALSE(shows_only(own_status(), 0, 0, {}));
    ASSERT_EQ(0, drop_capabilities());
    EXPECT_FALSE(shows_only(own_status(), 0, 0, {})) << "the bounding set is still full";
}

FORKED_TEST(DropBoundingSet, WithoutPrivilege_IsEperm) {
    ASSERT_EQ(0, set_user(4100001));
    EXPECT_EQ(EPERM, drop_bounding_set());
}

FORKED_TEST(DropCapabilities, KeepsTheBoundingSet) {
    const auto before = own_status().cap_bounding;
    ASSERT_EQ(0, drop_capabilities());
    const auto status = own_status();
    EXPECT_EQ(before, status.cap_bounding);
    EXPECT_EQ(0U, status.cap_permitted | status.cap_effective | status.cap_inheritable | status.cap_ambient);
}

/// The caller's status in the host's ids, whatever user namespace it is in: /proc prints ids for whoever
/// opened the file.
class HostStatus {
  public:
    HostStatus() : fd_(must(open_at(AT_FDCWD, "/proc/self/status", O_RDONLY))) {}
    [[nodiscard]] TaskStatus read() const {
        EXPECT_EQ(0, ::lseek(fd_.get(), 0, SEEK_SET));
        return must(parse_status(must(read_all(fd_.get(), kStatusLimit))));
    }

  private:
    UniqueFd fd_;
};

/// Goes into a container as its user `inside_uid` and gives everything up there.
void expect_drop_inside(const ContainerSpec& spec, std::uint32_t host_uid, std::uint32_t inside_uid) {
    const auto container = must(Container::start(spec));
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), must(NamespaceView::own())));
    nsupcall::test::run_forked([&] {
        const HostStatus host;
        ASSERT_EQ(0, set_groups(65534, {}));
        ASSERT_EQ(0, set.enter_mount_and_net());
        ASSERT_EQ(0, set.enter_user());
        const auto inside = host.read();
        EXPECT_NE(0U, inside.cap_effective) << "entering a user namespace grants every capability in it";
        EXPECT_NE(0U, inside.cap_bounding);
        ASSERT_EQ(0, drop_bounding_set());
        ASSERT_EQ(0, set_user(inside_uid));
        ASSERT_EQ(0, drop_capabilities());
        ASSERT_EQ(0, set_no_new_privs());
        EXPECT_TRUE(shows_only(host.read(), host_uid, 65534, {}));
        expect_no_way_back();
    });
}

TEST(DropInside, RootOfARangeOfIds) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 3392012288U, 65536}});
    expect_drop_inside(spec, 3392017289U, 5001);
}

TEST(DropInside, UserNamespaceWithOneId) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{1000, 4100001, 1}});
    spec.uid = spec.gid = 1000;
    expect_drop_inside(spec, 4100001, 1000);
}

TEST(DropInside, Nested) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 200000, 65536}});
    spec.nested_user = UserNamespaceSpec::same({{0, 1000, 100}});
    expect_drop_inside(spec, 201005, 5);
}

TEST(CanChangeUser, InAUserNamespaceWithOneId_CannotBeSeenFromTheIds) {
    // The only other id there is has no name inside, so setresuid(2) fails with or without capabilities: the
    // status is what proves the drop there.
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{1000, 4100001, 1}});
    spec.uid = spec.gid = 1000;
    const auto container = must(Container::start(spec));
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), must(NamespaceView::own())));
    nsupcall::test::run_forked([&] {
        const HostStatus host;
        ASSERT_EQ(0, set_groups(65534, {}));
        ASSERT_EQ(0, set.enter_user());
        ASSERT_EQ(0, set_user(1000));
        EXPECT_FALSE(can_change_user());
        EXPECT_FALSE(shows_only(host.read(), 4100001, 65534, {}));
    });
}

}  // namespace
}  // namespace nsutil
