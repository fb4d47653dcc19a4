#include "nsutil/namespaces.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cctype>
#include <csignal>

#include "nsutil/bounded_read.hpp"
#include "nsutil/credentials.hpp"
#include "support/container.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"
#include "support/skip.hpp"

namespace nsutil {
namespace {

using nsupcall::test::Container;
using nsupcall::test::ContainerSpec;
using nsupcall::test::IdLine;
using nsupcall::test::must;
using nsupcall::test::RootKind;
using nsupcall::test::TaskKind;
using nsupcall::test::UserNamespaceSpec;

/// A kind of container, and what of it differs from the host.
struct EnterCase {
    const char* name;
    ContainerSpec spec;
    bool mount, net, user, root;
    std::uint32_t host_uid, inside_uid;  ///< one user that exists there
    std::uint32_t unmapped_host_uid;     ///< one that does not; 4294967295 where all do
};

constexpr std::uint32_t kNone = 0xffffffffU;

std::vector<EnterCase> all_cases() {
    std::vector<EnterCase> cases;
    const auto add = [&](const char* name, auto change) {
        EnterCase test{name, {}, true, false, false, true, 4100001, 4100001, kNone};
        test.spec.files = {{.path = "/tmp/marker", .content = name}};
        change(test);
        cases.push_back(test);
    };
    add("host process", [](EnterCase& c) {
        c.spec.mount_namespace = c.mount = c.root = false;
        c.spec.files = {};
    });
    add("own mounts", [](EnterCase&) {});
    add("own mounts and pids", [](EnterCase& c) { c.spec.pid_namespace = true; });
    add("own mounts and network", [](EnterCase& c) { c.spec.net_namespace = c.net = true; });
    add("root file system of its own", [](EnterCase& c) { c.spec.root = RootKind::scratch; });
    add("chroot", [](EnterCase& c) {
        c.spec.root = RootKind::scratch;
        c.spec.chroot_to = "/jail";
        c.spec.files = {{.path = "/jail/tmp/marker", .content = "chroot"}};
    });
    add("a thread with mounts of its own", [](EnterCase& c) {
        c.spec.task = TaskKind::thread_own_mounts;
        c.spec.files = {};
    });
    add("one id", [](EnterCase& c) {
        c.user = true;
        c.spec.user = UserNamespaceSpec::same({{0, 4100001, 1}});
        c.inside_uid = 0;
        c.unmapped_host_uid = 0;
    });
    add("three lines", [](EnterCase& c) {
        c.user = true;
        c.spec.user = UserNamespaceSpec::same({{0, 300000, 5990}, {5990, 5990, 1}, {5991, 305990, 59546}});
        c.host_uid = 305999;
        c.inside_uid = 6000;
        c.unmapped_host_uid = 5989;
    });
    add("above 2^31", [](EnterCase& c) {
        c.user = true;
        c.spec.user = UserNamespaceSpec::same({{0, 3392012288U, 65536}});
        c.spec.net_namespace = c.net = true;
        c.spec.pid_namespace = true;
        c.host_uid = 3392017289U;
        c.inside_uid = 5001;
        c.unmapped_host_uid = 5001;
    });
    add("nested", [](EnterCase& c) {
        c.user = true;
        c.spec.user = UserNamespaceSpec::same({{0, 200000, 65536}});
        c.spec.nested_user = UserNamespaceSpec::same({{0, 1000, 1}, {1, 5000, 100}});
        c.host_uid = 205009;
        c.inside_uid = 10;
        c.unmapped_host_uid = 205100;
    });
    return cases;
}

class EnterNamespaces : public testing::TestWithParam<EnterCase> {};

TEST_P(EnterNamespaces, Open_FindsWhatDiffers) {
    const auto& test = GetParam();
    const auto container = must(Container::start(test.spec));
    const auto own = must(NamespaceView::own());
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), own));
    EXPECT_EQ(test.mount, set.enters(NamespaceKind::mount));
    EXPECT_EQ(test.net, set.enters(NamespaceKind::net));
    EXPECT_EQ(test.user, set.enters(NamespaceKind::user));
    EXPECT_EQ(test.root, set.enters_root());
    EXPECT_FALSE(set.enters(NamespaceKind::pid)) << "the pid namespace is never entered";
    EXPECT_EQ(test.spec.pid_namespace, !set.view().same(NamespaceKind::pid, own));
    EXPECT_EQ(test.inside_uid, set.uid_map().to_inside(test.host_uid));
    EXPECT_EQ(test.host_uid, set.uid_map().to_host(test.inside_uid));
    EXPECT_EQ(std::nullopt, set.uid_map().to_inside(test.unmapped_host_uid));
    for (const auto kind : {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user}) {
        // The host's own have none to tell.
        EXPECT_TRUE(set.enters(kind) || set.serial(kind) == 0) << namespace_name(kind);
    }
}

TEST_P(EnterNamespaces, Enter_IsThereAsThatUser) {
    const auto& test = GetParam();
    const auto container = must(Container::start(test.spec));
    const auto own = must(NamespaceView::own());
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), own));
    nsupcall::test::run_forked([&] {
        // Opened before, since a /proc of the other side may not show this process.
        const auto self = must(Task::open(::getpid()));
        const auto status = must(open_at(self.dir(), "status", O_RDONLY));
        ASSERT_EQ(0, set_groups(65534, {}));
        ASSERT_EQ(0, set.enter_mount_and_net());
        ASSERT_EQ(0, set.enter_user());
        ASSERT_EQ(0, set_user(test.inside_uid));

        auto expected = set.view();
        const auto pid = static_cast<std::size_t>(NamespaceKind::pid);
        expected.ids[pid] = own.ids[pid];
        EXPECT_EQ(expected, must(NamespaceView::of_task(self)));

        struct stat root = {}, here = {};
        ASSERT_EQ(0, ::stat("/", &root));
        EXPECT_EQ(expected.root_device, root.st_dev);
        EXPECT_EQ(expected.root_inode, root.st_ino);
        if (test.root) {
            ASSERT_EQ(0, ::stat(".", &here)) << "the working directory is outside the root";
            EXPECT_EQ(root.st_ino, here.st_ino);
            EXPECT_EQ(root.st_dev, here.st_dev);
        }
        if (!test.spec.files.empty()) {
            EXPECT_EQ(test.spec.files[0].content, must(read_file_at(AT_FDCWD, "/tmp/marker", 100)));
        }

        EXPECT_EQ(test.inside_uid, ::getuid());
        const auto shown = must(parse_status(must(read_all(status.get(), kStatusLimit))));
        EXPECT_TRUE(shown.uids.all(test.host_uid)) << shown.uids.real;
        EXPECT_TRUE(shown.gids.all(65534)) << shown.gids.real;
    });
}

INSTANTIATE_TEST_SUITE_P(Kinds, EnterNamespaces, testing::ValuesIn(all_cases()), [](const auto& test) {
    std::string name = test.param.name;
    for (char& c : name)
        if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
    return name;
});

TEST(NamespaceSet, EnteringWithoutPrivilege_FailsAndSaysSo) {
    ContainerSpec spec;
    spec.net_namespace = true;
    spec.user = UserNamespaceSpec::same({{0, 200000, 65536}});
    const auto container = must(Container::start(spec));
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), must(NamespaceView::own())));
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, set_user(4100001));
        EXPECT_EQ(EPERM, set.enter_mount_and_net());
        EXPECT_EQ(EPERM, set.enter_user());
    });
}

TEST(NamespaceSet, AnotherUsersTask_IsEaccesWithoutPrivilege) {
    const auto container = must(Container::start({}));
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, set_user(4100001));
        const auto set = NamespaceSet::open(must(Task::open(container.tid())), must(NamespaceView::own()));
        ASSERT_FALSE(set);
        EXPECT_EQ(EACCES, set.error().code);
    });
}

TEST(NamespaceSet, OwnUserNamespace_IsNotJoinedAgain) {
    // Joining it would bring every capability back.
    const auto own = must(NamespaceView::own());
    const auto container = must(Container::start({}));
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), own));
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, drop_capabilities());
        EXPECT_EQ(0, set.enter_user());
        const auto status = must(must(Task::open(::getpid())).status());
        EXPECT_EQ(0U, status.cap_permitted);
        EXPECT_EQ(0U, status.cap_effective);
    });
}

TEST(NamespaceSet, OutlivesTheTask) {
    ContainerSpec spec;
    spec.files = {{.path = "/tmp/marker", .content = "still here"}};
    auto container = must(Container::start(spec));
    const auto set = must(NamespaceSet::open(must(Task::open(container.tid())), must(NamespaceView::own())));
    container.stop();
    nsupcall::test::run_forked([&] {
        ASSERT_EQ(0, set.enter_mount_and_net());
        EXPECT_EQ("still here", must(read_file_at(AT_FDCWD, "/tmp/marker", 100)));
    });
}

TEST(NamespaceSet, TaskThatKeepsMoving_IsSeenWholeOrNotAtAll) {
    const pid_t mover = ::fork();
    ASSERT_GE(mover, 0);
    if (mover == 0)
        for (;;) (void)::unshare(CLONE_NEWNS);
    const auto own = must(NamespaceView::own());
    const auto task = must(Task::open(mover));
    int seen = 0, refused = 0;
    for (int round = 0; round < 3000; ++round) {
        const auto set = NamespaceSet::open(task, own);
        if (set) {
            ++seen;
            continue;
        }
        ++refused;
        ASSERT_EQ(ESRCH, set.error().code) << set.error().text();
    }
    ASSERT_EQ(0, ::kill(mover, SIGKILL));
    ASSERT_EQ(mover, ::waitpid(mover, nullptr, 0));
    RecordProperty("seen", seen);
    RecordProperty("refused", refused);
    EXPECT_EQ(3000, seen + refused);
}

TEST(NamespaceSerial, NamesOneNamespaceOnly) {
    const auto first = must(Container::start({})), second = must(Container::start({}));
    const auto serial = [](const Container& container) {
        const auto task = must(Task::open(container.tid()));
        const auto fd = must(open_at(task.dir(), "ns/mnt", O_RDONLY));
        return namespace_serial(fd.get());
    };
    const auto number = serial(first);
    if (number == 0) NSUPCALL_SKIP("this kernel numbers no namespaces");
    EXPECT_EQ(number, serial(first));
    EXPECT_NE(number, serial(second));
    EXPECT_EQ(0U, namespace_serial(-1));
    const auto file = must(open_at(AT_FDCWD, "/dev/null", O_RDONLY));
    EXPECT_EQ(0U, namespace_serial(file.get()));
}

}  // namespace
}  // namespace nsutil
