/// @file
/// The container maker: each kind of namespace, seen through /proc.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "support/container.hpp"
#include "support/must.hpp"
#include "support/realm.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

std::string ns_link(pid_t pid, const std::string& name) {
    return fs::read_symlink(fmt::format("/proc/{}/ns/{}", pid, name)).string();
}

std::string own_link(const std::string& name) {
    return ns_link(::getpid(), name);
}

std::string status_line(pid_t pid, const std::string& key) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);) {
        if (line.starts_with(key + ":")) return line.substr(key.size() + 2);
    }
    return "(none)";
}

TEST(SupportContainer, Plain_HasOnlyItsOwnMounts) {
    const auto container = must(Container::start({}));
    EXPECT_NE(own_link("mnt"), ns_link(container.pid(), "mnt"));
    for (const char* same : {"user", "pid", "net", "ipc", "uts"}) {
        EXPECT_EQ(own_link(same), ns_link(container.pid(), same)) << same;
    }
    EXPECT_EQ(container.pid(), container.tid());
}

TEST(SupportContainer, Host_SharesAllNamespaces) {
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.uid = 4100007;
    spec.gid = 4100008;
    spec.groups = {4100009, 4100010};
    spec.environment = {"KRB5CCNAME=FILE:/nowhere"};
    const auto container = must(Container::start(spec));
    for (const char* same : {"mnt", "user", "pid", "net"}) {
        EXPECT_EQ(own_link(same), ns_link(container.pid(), same)) << same;
    }
    EXPECT_EQ("4100007\t4100007\t4100007\t4100007", status_line(container.pid(), "Uid"));
    EXPECT_EQ("4100008\t4100008\t4100008\t4100008", status_line(container.pid(), "Gid"));
    EXPECT_EQ("4100009 4100010 ", status_line(container.pid(), "Groups"));
    EXPECT_EQ("0000000000000000", status_line(container.pid(), "CapEff"));
    const auto environment = must(read_file(fmt::format("/proc/{}/environ", container.pid())));
    EXPECT_EQ(std::string("KRB5CCNAME=FILE:/nowhere") + '\0', environment);
}

TEST(SupportContainer, Files_AreInsideOnly) {
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = 4100007;
    spec.files = {{.path = "/tmp/in/side", .content = "here", .mode = 0640, .uid = 4100007, .gid = 4100008},
                  {.path = "/etc/krb5.conf", .content = "[libdefaults]\n"}};
    const auto before = must(read_file("/etc/krb5.conf"));
    const auto container = must(Container::start(spec));
    const fs::path root = fmt::format("/proc/{}/root", container.pid());
    EXPECT_EQ("here", must(read_file(root / "tmp/in/side")));
    EXPECT_EQ("[libdefaults]\n", must(read_file(root / "etc/krb5.conf")));
    EXPECT_EQ(before, must(read_file("/etc/krb5.conf")));
    EXPECT_FALSE(fs::exists("/tmp/in/side"));
    struct stat info {};
    ASSERT_EQ(0, ::stat((root / "tmp/in/side").c_str(), &info));
    EXPECT_EQ(4100007U, info.st_uid);
    EXPECT_EQ(4100008U, info.st_gid);
    EXPECT_EQ(0100640U, info.st_mode);
    EXPECT_EQ(fmt::format("{}\t1", container.pid()), status_line(container.pid(), "NSpid"));
}

TEST(SupportContainer, ScratchRoot_HasNothingOfTheHost) {
    ContainerSpec spec;
    spec.root = RootKind::scratch;
    spec.user = UserNamespaceSpec::same({{0, 4200000, 1000}});
    spec.pid_namespace = true;
    spec.files = {{.path = "/etc/krb5.conf", .content = "x"}};
    const auto container = must(Container::start(spec));
    const fs::path root = fmt::format("/proc/{}/root", container.pid());
    EXPECT_FALSE(fs::exists(root / "usr"));
    EXPECT_TRUE(fs::exists(root / "dev/null"));
    EXPECT_EQ("x", must(read_file(root / "etc/krb5.conf")));
}

TEST(SupportContainer, UserNamespace_WithIdsAbove2To31_MapsThem) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 3392012288U, 65536}});
    spec.uid = 33;
    spec.gid = 34;
    spec.files = {{.path = "/tmp/f", .content = "", .uid = 33, .gid = 34}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("3392012321\t3392012321\t3392012321\t3392012321", status_line(container.pid(), "Uid"));
    EXPECT_EQ("3392012322\t3392012322\t3392012322\t3392012322", status_line(container.pid(), "Gid"));
    struct stat info {};
    ASSERT_EQ(0, ::stat(fmt::format("/proc/{}/root/tmp/f", container.pid()).c_str(), &info));
    EXPECT_EQ(3392012321U, info.st_uid);
}

TEST(SupportContainer, UserNamespace_WithOneIdOrThree_Starts) {
    for (const auto& lines :
         {std::vector<IdLine>{{1000, 4100007, 1}},
          std::vector<IdLine>{{0, 4100007, 1}, {1, 4300000, 1000}, {5000, 4400000, 10}}}) {
        ContainerSpec spec;
        spec.user = UserNamespaceSpec::same(lines);
        spec.uid = lines.back().inside;
        spec.gid = lines.front().inside;
        const auto container = must(Container::start(spec));
        EXPECT_EQ(fmt::format("{0}\t{0}\t{0}\t{0}", lines.back().outside),
                  status_line(container.pid(), "Uid"));
        EXPECT_EQ(fmt::format("{0}\t{0}\t{0}\t{0}", lines.front().outside),
                  status_line(container.pid(), "Gid"));
    }
}

TEST(SupportContainer, NestedUserNamespace_TranslatesTwice) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 4200000, 65536}});
    spec.nested_user = UserNamespaceSpec::same({{0, 1000, 100}, {1000, 5000, 10}});
    spec.pid_namespace = true;
    spec.uid = 1003;
    spec.gid = 7;
    spec.files = {{.path = "/tmp/f", .content = "", .uid = 1003, .gid = 7}};
    pid_t pid = 0;
    {
        const auto container = must(Container::start(spec));
        pid = container.pid();
        EXPECT_EQ("4205003\t4205003\t4205003\t4205003", status_line(pid, "Uid"));
        EXPECT_EQ("4201007\t4201007\t4201007\t4201007", status_line(pid, "Gid"));
        EXPECT_EQ(fmt::format("{}\t1", pid), status_line(pid, "NSpid"));
    }
    EXPECT_EQ(-1, ::kill(pid, 0));
}

TEST(SupportContainer, Thread_IsNoLeader) {
    ContainerSpec spec;
    spec.task = TaskKind::thread;
    const auto container = must(Container::start(spec));
    EXPECT_NE(container.pid(), container.tid());
    EXPECT_EQ(std::to_string(container.pid()), status_line(container.tid(), "Tgid"));
}

TEST(SupportContainer, ThreadWithOwnMounts_SeesOtherFiles) {
    ContainerSpec spec;
    spec.task = TaskKind::thread_own_mounts;
    const auto container = must(Container::start(spec));
    EXPECT_NE(ns_link(container.pid(), "mnt"), ns_link(container.tid(), "mnt"));
    must(container.add_file({.path = "/tmp/only", .content = "x"}));
    EXPECT_TRUE(fs::exists(fmt::format("/proc/{}/root/tmp/only", container.tid())));
    EXPECT_FALSE(fs::exists(fmt::format("/proc/{}/root/tmp/only", container.pid())));
}

TEST(SupportContainer, ThreadWhoseLeaderExited_IsStillThere) {
    ContainerSpec spec;
    spec.task = TaskKind::thread_leader_exited;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("Z (zombie)", status_line(container.pid(), "State"));
    EXPECT_EQ("S (sleeping)", status_line(container.tid(), "State"));
}

TEST(SupportContainer, Chroot_MovesTheRoot) {
    ContainerSpec spec;
    spec.chroot_to = "/tmp/jail";
    spec.files = {{.path = "/tmp/jail/etc/krb5.conf", .content = "jail"}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("jail", must(read_file(fmt::format("/proc/{}/root/etc/krb5.conf", container.pid()))));
    EXPECT_EQ(0, must(container.run(
                     [] { return fs::exists("/etc/krb5.conf") && !fs::exists("/usr") ? 0 : 1; }, 0, 0)));
}

TEST(SupportContainer, Run_InUserNamespace_HasTheIdsAndNoCapabilities) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{1000, 4100007, 1}});
    spec.uid = 1000;
    spec.gid = 1000;
    const auto container = must(Container::start(spec));
    const auto code = must(container.run(
        [] {
            return ::getuid() == 1000 && ::getgid() == 1000 && ::setresuid(0, 0, 0) != 0 &&
                           ::chroot("/tmp") != 0
                       ? 0
                       : 1;
        },
        1000, 1000));
    EXPECT_EQ(0, code);
}

TEST(SupportContainer, ReadOnlyFile_CannotBeWritten) {
    ContainerSpec spec;
    spec.files = {{.path = "/tmp/ro", .content = "x", .mode = 0666, .read_only_mount = true}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ(EROFS, must(container.run([] { return ::open("/tmp/ro", O_RDWR | O_CLOEXEC) < 0 ? errno : 0; },
                                        0, 0)));
}

TEST(SupportContainer, NetworkNamespace_HoldsARealmThatNobodyElseReaches) {
    ContainerSpec spec;
    spec.net_namespace = true;
    const auto container = must(Container::start(spec));
    auto realm = must(Realm::start({.netns_fd = container.netns_fd()}));
    must(realm.add_user("alice"));
    const auto ticket = must(realm.ticket("alice"));
    EXPECT_GT(ticket.ccache.size(), 500U);
    const auto outside = must(run_program({.argv = {"kinit", "-k", "-t", "/nonexistent", "alice"}}));
    EXPECT_NE(0, outside.exit_code);
}

TEST(SupportContainer, Start_WithABadMap_SaysSo) {
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 4200000, 10}, {5, 4300000, 10}});
    const auto container = Container::start(spec);
    ASSERT_FALSE(container);
    EXPECT_EQ(EINVAL, container.error().code);
}

}  // namespace
}  // namespace nsupcall::test
