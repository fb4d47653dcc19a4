/// @file
/// nsupcall install, uninstall, status: below made roots, and on this machine.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "machine_root.hpp"
#include "support/janitor.hpp"
#include "support/key_request.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char *kRules = "/etc/request-key.d/nsupcall.conf",
                     *kBefore = "/etc/request-key.d/nsupcall.conf.before-install",
                     *kEdited = "/etc/request-key.d/nsupcall.conf.edited";

TEST(Install, PutsRulesInPlace_AndUninstallLeavesNothing) {
    const MachineRoot machine;
    const auto before = machine.rules();
    const auto status = machine.run("status");
    EXPECT_EQ(1, status.exit_code);
    EXPECT_THAT(status.output,
                AllOf(HasSubstr("nsupcall.conf: absent"),
                      HasSubstr("cifs.spnego goes to /usr/sbin/cifs.upcall, not to nsupcall, by "
                                "/etc/request-key.d/cifs.spnego.conf:1")));

    const auto installed = machine.install();
    EXPECT_EQ(0, installed.exit_code) << installed.output;
    EXPECT_EQ("write /etc/request-key.d/nsupcall.conf\n", installed.output);
    EXPECT_THAT(machine.read(kRules),
                HasSubstr("\ncreate  cifs.spnego   ver=0x2;*     *        /opt/ns/sbin/cifs.upcall "
                          "--thread-keyring %T %k\n"));
    struct stat about = {};
    ASSERT_EQ(0, ::stat(machine.at(kRules).c_str(), &about));
    EXPECT_EQ(0644U, about.st_mode & 07777U);
    const auto good = machine.run("status");
    EXPECT_EQ(0, good.exit_code);
    EXPECT_EQ("/etc/request-key.d/nsupcall.conf: ours\nupcalls go to nsupcall\n", good.output);

    // Again: nothing is touched.
    const auto again = machine.install();
    EXPECT_EQ(0, again.exit_code);
    EXPECT_EQ("the rules are in place\n", again.output);
    struct stat later = {};
    ASSERT_EQ(0, ::stat(machine.at(kRules).c_str(), &later));
    EXPECT_EQ(about.st_ino, later.st_ino);

    EXPECT_EQ("remove /etc/request-key.d/nsupcall.conf\n", machine.run("uninstall").output);
    EXPECT_EQ(before, machine.rules());
    const auto twice = machine.run("uninstall");
    EXPECT_EQ(0, twice.exit_code);
    EXPECT_EQ("no rules of ours are there\n", twice.output);
}

TEST(Install, DryRun_SaysAllAndChangesNothing) {
    const MachineRoot machine;
    machine.write(kRules, "# somebody else's\n");
    const auto before = machine.rules();
    EXPECT_EQ(
        "would keep /etc/request-key.d/nsupcall.conf as nsupcall.conf.before-install\n"
        "would write /etc/request-key.d/nsupcall.conf\n",
        machine.install({"--dry-run"}).output);
    EXPECT_EQ(before, machine.rules());
    ASSERT_EQ(0, machine.install().exit_code);
    const auto after = machine.rules();
    EXPECT_EQ("would move /etc/request-key.d/nsupcall.conf.before-install to nsupcall.conf\n",
              machine.run("uninstall", {"--dry-run"}).output);
    EXPECT_EQ(after, machine.rules());
    // Where there is no folder yet, a dry run makes none.
    fs::remove_all(machine.at("/etc/request-key.d"));
    EXPECT_EQ("would write /etc/request-key.d/nsupcall.conf\n", machine.install({"-n"}).output);
    EXPECT_FALSE(fs::exists(machine.at("/etc/request-key.d")));
    EXPECT_EQ("no rules of ours are there\n", machine.run("uninstall").output);
}

TEST(Install, FileOfSomebodyElse_IsSetAsideAndComesBack) {
    const MachineRoot machine;
    // A link, as people make one (request-key does not read it).
    fs::create_symlink("/usr/share/nsupcall/x.conf", machine.at(kRules));
    const auto before = machine.rules();
    EXPECT_THAT(machine.run("status").output,
                HasSubstr("request-key does not read it, since it is no regular file"));
    ASSERT_EQ(0, machine.install().exit_code);
    EXPECT_TRUE(fs::is_symlink(machine.at(kBefore)));
    EXPECT_FALSE(fs::is_symlink(machine.at(kRules)));
    EXPECT_EQ("the rules are in place\n", machine.install().output);
    ASSERT_EQ(0, machine.run("uninstall").exit_code);
    EXPECT_EQ(before, machine.rules());

    // One is set aside already: none is lost.
    machine.write(kBefore, "# first\n");
    const auto both = machine.rules();
    const auto refused = machine.install();
    EXPECT_EQ(1, refused.exit_code);
    EXPECT_THAT(refused.output, HasSubstr("nsupcall.conf.before-install is in the way"));
    EXPECT_EQ(both, machine.rules());
}

TEST(Install, InterruptedRun_IsFinished) {
    const MachineRoot machine;
    machine.write(kRules, "# somebody else's\n");
    const auto before = machine.rules();
    fs::create_hard_link(machine.at(kRules), machine.at(kBefore));            // the first step was made,
    machine.write("/etc/request-key.d/.nsupcall.conf.new", "# half a file");  // and half of the second
    ASSERT_EQ(0, machine.install().exit_code);
    EXPECT_EQ("# somebody else's\n", machine.read(kBefore));
    ASSERT_EQ(0, machine.run("uninstall").exit_code);
    EXPECT_EQ(before, machine.rules());
}

TEST(Install, EditedRules_AreKept) {
    const MachineRoot machine;
    ASSERT_EQ(0, machine.install().exit_code);
    const auto edited = machine.read(kRules) + "create logon cifs:* * /opt/ns/sbin/cifs.upcall --logon %k\n";
    machine.write(kRules, edited);
    EXPECT_THAT(machine.run("status").output, StartsWith("/etc/request-key.d/nsupcall.conf: edited\n"));
    const auto kept = machine.install();
    EXPECT_EQ(0, kept.exit_code);
    EXPECT_THAT(kept.output, HasSubstr("edited and stay as they are"));
    EXPECT_EQ(edited, machine.read(kRules));

    EXPECT_EQ(0, machine.install({"--replace-edited"}).exit_code);
    EXPECT_EQ(edited, machine.read(kEdited));
    EXPECT_THAT(machine.run("status").output, StartsWith("/etc/request-key.d/nsupcall.conf: ours\n"));

    machine.write(kRules, edited + "# more\n");
    ASSERT_EQ(0, machine.run("uninstall").exit_code);
    EXPECT_FALSE(fs::exists(machine.at(kRules)));
    EXPECT_EQ(edited + "# more\n", machine.read(kEdited));
}

TEST(Install, Upgrade_ReplacesRulesOfAnotherPlace) {
    const MachineRoot machine;
    ASSERT_EQ(0, machine.install().exit_code);
    fs::create_directories(machine.at("/opt/other"));
    fs::rename(machine.at("/opt/ns/sbin"), machine.at("/opt/other/sbin"));
    const auto broken = machine.run("status");
    EXPECT_EQ(1, broken.exit_code);
    EXPECT_THAT(broken.output, HasSubstr("/opt/ns/sbin/cifs.upcall is for cifs.spnego, and is no program"));
    EXPECT_EQ(0, machine.run("install", {"--prefix", "/opt/other"}).exit_code);
    EXPECT_EQ(0, machine.run("status").exit_code);
    EXPECT_THAT(machine.read(kRules), Not(HasSubstr("/opt/ns")));
    EXPECT_FALSE(fs::exists(machine.at(kBefore)));
}

TEST(Install, WrongHelpers_AreRefused) {
    const MachineRoot machine;
    const auto before = machine.rules();
    const struct {
        const char *prefix, *says;
    } cases[] = {{"/usr", "is not nsupcall's"},
                 {"/nowhere", "/nowhere/sbin/cifs.upcall is not there"},
                 {"relative", "no absolute path"},
                 {"/with space", "no absolute path"},
                 {"/with%k", "no absolute path"}};
    for (const auto& [prefix, says] : cases) {
        const auto refused = machine.run("install", {"--prefix", prefix});
        EXPECT_EQ(1, refused.exit_code) << prefix;
        EXPECT_THAT(refused.output, HasSubstr(says));
    }
    EXPECT_EQ(before, machine.rules());
    EXPECT_EQ(64, nsupcall_command({"install", "--nonsense"}).exit_code);
}

TEST(Install, ReadOnlyFolder_IsToldAndLeftAlone) {
    const MachineRoot machine;
    const auto folder = machine.at("/etc/request-key.d");
    ASSERT_EQ(0, ::mount(folder.c_str(), folder.c_str(), nullptr, MS_BIND, nullptr));
    ASSERT_EQ(0, ::mount(nullptr, folder.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr));
    const auto refused = machine.install();
    EXPECT_EQ(0, ::umount2(folder.c_str(), MNT_DETACH));
    EXPECT_EQ(1, refused.exit_code);
    EXPECT_THAT(refused.output, HasSubstr("Read-only file system"));
}

TEST(Install, Rivals_AreNamed) {
    const MachineRoot machine;
    machine.write("/etc/request-key.d/site.conf",
                  "create cifs.spnego ver=0x2;host=special.* * /usr/sbin/cifs.upcall %k\n");
    ASSERT_EQ(0, machine.install().exit_code);
    const auto some = machine.run("status");
    EXPECT_EQ(0, some.exit_code);
    EXPECT_THAT(some.output, HasSubstr("some requests for cifs.spnego go to /usr/sbin/cifs.upcall, by "
                                       "/etc/request-key.d/site.conf:1"));
    machine.write("/etc/request-key.d/site.conf",
                  "# all of them\ncreate cifs.spnego ver=0x2;host=* * /usr/sbin/cifs.upcall %k\n");
    const auto all = machine.run("status");
    EXPECT_EQ(1, all.exit_code);
    EXPECT_THAT(all.output, HasSubstr("site.conf:2"));
    machine.write("/etc/request-key.d/site.conf", "create cifs.spnego\n");
    const auto stops = machine.run("status");
    EXPECT_EQ(1, stops.exit_code);
    EXPECT_THAT(stops.output,
                HasSubstr("request-key gives up at /etc/request-key.d/site.conf:1: it has too few words"));
    EXPECT_THAT(machine.install().output, HasSubstr("gives up"));
}

TEST(Install, HostsAndNodes_KeepApart) {
    const MachineRoot machine;
    ASSERT_EQ(0, machine.install().exit_code);
    const auto hosts = machine.read(kRules);
    // As the node installer writes them (tests/k8s/node runs it): other words in front.
    auto nodes = hosts;
    nodes.replace(0, nodes.find('\n'),
                  "# Written by `nsupcall node install`; `nsupcall node uninstall` removes it. "
                  "Digest: 0000000000000000");
    fs::rename(machine.at(kRules), machine.at("/etc/request-key.d/nsupcall.conf.before-node-install"));
    machine.write(kRules, nodes);
    EXPECT_THAT(machine.run("status").output, HasSubstr("by nsupcall node install"));
    // The host's go for good, and the node's stay.
    ASSERT_EQ(0, machine.run("uninstall").exit_code);
    EXPECT_EQ(nodes, machine.read(kRules));
    EXPECT_FALSE(fs::exists(machine.at("/etc/request-key.d/nsupcall.conf.before-node-install")));
}

TEST(Install, TwoAtOnce_WaitForEachOther) {
    const MachineRoot machine;
    const nsutil::UniqueFd folder(
        ::open(machine.at("/etc/request-key.d").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ASSERT_EQ(0, ::flock(folder.get(), LOCK_EX));
    std::thread second([&] { EXPECT_EQ(0, machine.install().exit_code); });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_FALSE(fs::exists(machine.at(kRules)));
    ASSERT_EQ(0, ::flock(folder.get(), LOCK_UN));
    second.join();
    EXPECT_TRUE(fs::exists(machine.at(kRules)));
}

/// What is in this machine's own folder.
std::map<std::string, std::string> own_rules() {
    std::map<std::string, std::string> all;
    for (const auto& entry : fs::directory_iterator("/etc/request-key.d"))
        all[entry.path()] = read_file(entry.path()).value_or("?");
    return all;
}

TEST(Install, OnThisMachine_TheKernelsUpcallsComeToIt) {
    if (fs::exists(kRules)) NSUPCALL_SKIP("nsupcall is installed here");
    const auto prefix = must(TempDir::create());
    fs::create_directory(prefix.path() / "sbin");
    for (const char* name : {"cifs.upcall", "cifs.idmap"})
        fs::copy_file(fs::path(NSUPCALL_HELPER_PATH).parent_path() / name, prefix.path() / "sbin" / name);
    const auto before = own_rules();
    must(remember_path(kRules));
    const auto installed = nsupcall_command({"install", "--prefix", prefix.path()});
    EXPECT_EQ(0, installed.exit_code) << installed.output;
    const auto status = nsupcall_command({"status"});
    // keyutils' own program would answer ENOKEY and be remembered for as long as it says.
    const auto answer = ask_kernel("localhost", "dns_resolver");
    const auto removed = nsupcall_command({"uninstall"});
    EXPECT_EQ(0, removed.exit_code) << removed.output;
    forget_path(kRules);
    EXPECT_EQ(0, status.exit_code) << status.output;
    EXPECT_THAT(status.output, HasSubstr("upcalls go to nsupcall"));
    EXPECT_EQ("127.0.0.1", must(answer).payload.substr(0, 9));
    EXPECT_EQ(before, own_rules());
}

}  // namespace
}  // namespace nsupcall::test
