#include "nsutil/mount_table.hpp"

#include <gtest/gtest.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>

#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;

std::string line(std::string_view rest) {
    return "44 23 0:36 / /mnt/x rw,relatime " + std::string(rest) + "\n";
}

/// Options of a line that holds nothing else of interest.
Mount mount_with(std::string_view options) {
    return must(MountTable::parse(line("- cifs //h/s " + std::string(options)))).mounts().at(0);
}

TEST(MountTable, RealTable_EveryField) {
    std::ifstream file(NSUPCALL_TEST_DATA "/mountinfo-container.txt");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto table = must(MountTable::parse(text));
    ASSERT_EQ(11U, table.mounts().size());

    const auto& root = table.mounts()[0];
    EXPECT_EQ(611, root.id);
    EXPECT_EQ(598, root.parent_id);
    EXPECT_EQ(::makedev(0, 62), root.device);
    EXPECT_EQ("overlay", root.type);
    EXPECT_EQ("/", root.target);
    EXPECT_EQ("/var/lib/containers/storage/overlay/l/AAA:/var/lib/containers/storage/overlay/l/BBB",
              root.option("lowerdir"));
    EXPECT_FALSE(root.is_smb());

    const auto& share = table.mounts()[7];
    EXPECT_TRUE(share.is_smb());
    EXPECT_EQ("//dc1.lab.test/share", share.source);
    EXPECT_EQ("/mnt/my files", share.target);
    EXPECT_EQ("/", share.root);
    EXPECT_EQ("krb5", share.option("sec"));
    EXPECT_EQ("7001", share.option("cruid"));
    EXPECT_EQ("10.99.0.1", share.option("addr"));
    EXPECT_EQ("", share.option("noforceuid"));
    EXPECT_EQ(std::nullopt, share.option("multiuser"));
    EXPECT_EQ(std::nullopt, share.option("cru"));
    EXPECT_EQ("", table.mounts()[8].option("multiuser"));

    EXPECT_EQ("/etc/krb5.conf", table.mounts()[10].target);
    EXPECT_EQ("/kubelet/etc/krb5.conf", table.mounts()[10].root);
}

TEST(MountTable, SmbMountsOf_ByHostAndAddress) {
    std::ifstream file(NSUPCALL_TEST_DATA "/mountinfo-container.txt");
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto table = must(MountTable::parse(text));
    const auto targets = [&](const SmbServer& server) {
        std::string joined;
        for (const auto* mount : table.smb_mounts_of(server)) joined += mount->target.string() + ";";
        return joined;
    };
    EXPECT_EQ("/mnt/my files;/home;", targets({"dc1.lab.test", ""}));
    EXPECT_EQ("/mnt/my files;/home;", targets({"DC1.Lab.Test", ""}));
    EXPECT_EQ("/mnt/my files;", targets({"", "10.99.0.1"}));
    EXPECT_EQ("/mnt/my files;/home;", targets({"dc1.lab.test", "10.99.0.1"}));
    EXPECT_EQ("/home;/srv;", targets({"", "fe80::211:22ff:fe33:4455"}));
    EXPECT_EQ("/home;/srv;", targets({"", "fe80:0:0:0:0211:22ff:fe33:4455"}));
    EXPECT_EQ("/srv;", targets({"files", ""}));
    EXPECT_EQ("", targets({"dc1", ""}));
    EXPECT_EQ("", targets({"dc1.lab.test.evil", ""}));
    EXPECT_EQ("", targets({"", "10.99.0.2"}));
    EXPECT_EQ("", targets({"", "::ffff:10.99.0.1"}));
    EXPECT_EQ("", targets({"", ""}));
    EXPECT_EQ("", targets({"", "nonsense"}));
}

TEST(MountTable, Server_InEverySpellingOfASource) {
    for (const char* source :
         {"//h/s", "//h", "//h/", "//h/s/deep/er", "//H/s", "\\134\\134h\\134s", "//h/a\\040b"}) {
        const auto table = must(MountTable::parse(line("- cifs " + std::string(source) + " rw")));
        EXPECT_EQ(1U, table.smb_mounts_of({"h", ""}).size()) << source;
    }
    for (const char* source : {"none", "h", "/h/s", "h/s", "//", "///h/s", "//g/h", "//hh/s", "host:/h"}) {
        const auto table = must(MountTable::parse(line("- cifs " + std::string(source) + " rw")));
        EXPECT_EQ(0U, table.smb_mounts_of({"h", ""}).size()) << source;
    }
    EXPECT_EQ(1U, must(MountTable::parse(line("- cifs mine rw,unc=\\134\\134h\\134s")))
                      .smb_mounts_of({"h", ""})
                      .size());
    EXPECT_EQ(1U, must(MountTable::parse(line("- smb3 //h/s rw"))).smb_mounts_of({"h", ""}).size());
    EXPECT_EQ(0U, must(MountTable::parse(line("- fuse.cifs //h/s rw"))).smb_mounts_of({"h", ""}).size());
}

TEST(MountTable, CommaInAValue_BringsNoOptionIn) {
    // username=x,multiuser,addr=6.6.6.6 as the kernel escapes it.
    const auto mount =
        mount_with("rw,sec=krb5,cruid=7001,username=x\\054multiuser\\054addr=6.6.6.6,addr=10.99.0.1");
    EXPECT_EQ("x,multiuser,addr=6.6.6.6", mount.option("username"));
    EXPECT_EQ(std::nullopt, mount.option("multiuser"));
    EXPECT_EQ("10.99.0.1", mount.option("addr"));
    EXPECT_EQ(5U, mount.options.all().size());
}

TEST(MountTable, OptionValues_AreUnescapedOnce) {
    EXPECT_EQ("DOM\\user", mount_with("username=DOM\\134user").option("username"));
    EXPECT_EQ("a b", mount_with("username=a\\040b").option("username"));
    EXPECT_EQ("\\040", mount_with("username=\\134040").option("username"));
    EXPECT_EQ("a=b", mount_with("username=a=b").option("username"));
    EXPECT_EQ("first", mount_with("x=first,x=second").option("x"));
    EXPECT_EQ(1U, mount_with(",,rw,,").options.all().size());
    // A quote of libmount's own making ends no option and hides none.
    EXPECT_EQ("10.99.0.1", mount_with("username=\"x,addr=10.99.0.1,y=\"").option("addr"));
    EXPECT_EQ(0U, mount_with("=x").options.all().size());
}

TEST(MountTable, HostileSourceOrPath_MakesNoOtherMount) {
    const auto table =
        must(MountTable::parse("44 23 0:36 / /mnt/a\\012b\\040-\\040cifs rw - tmpfs "
                               "x\\040-\\040cifs\\040//h/s\\012 rw,size=1k\n"));
    ASSERT_EQ(1U, table.mounts().size());
    EXPECT_EQ("tmpfs", table.mounts()[0].type);
    EXPECT_EQ("x - cifs //h/s\n", table.mounts()[0].source);
    EXPECT_EQ("/mnt/a\nb - cifs", table.mounts()[0].target);
    EXPECT_TRUE(table.smb_mounts_of({"h", ""}).empty());
}

TEST(MountTable, OptionalFields_AnyNumber) {
    for (const char* fields :
         {"", "shared:1 ", "shared:1 master:2 ", "shared:1 master:2 propagate_from:3 unbindable "})
        EXPECT_EQ("cifs",
                  must(MountTable::parse(line(std::string(fields) + "- cifs //h/s rw"))).mounts()[0].type);
}

TEST(MountTable, EmptySource_IsEmpty) {
    EXPECT_EQ("", must(MountTable::parse(line("- cifs  rw"))).mounts()[0].source);
}

TEST(MountTable, Empty_HasNoMounts) {
    EXPECT_TRUE(must(MountTable::parse("")).mounts().empty());
}

TEST(MountTable, Malformed_IsEinval) {
    const auto good = line("- cifs //h/s rw");
    const std::string texts[] = {
        "\n",
        "garbage\n",
        "garbage\n" + good,
        good + "garbage\n",
        good + "\n",
        good + "\n" + good,
        good + "# " + good,
        "# " + good,
        line("cifs //h/s rw"),
        line("-"),
        line("- cifs"),
        "44\n",
        "44 23\n",
        "44 23 0:36\n",
        "44 23 0:36 /\n",
        "44 23 0:36 / /mnt/x\n",
        "44 23 0:36 / /mnt/x rw\n",
        "x 23 0:36 / /mnt/x rw - cifs //h/s rw\n",
        "44 x 0:36 / /mnt/x rw - cifs //h/s rw\n",
        "44 23 0-36 / /mnt/x rw - cifs //h/s rw\n",
        "99999999999999999999 23 0:36 / /mnt/x rw - cifs //h/s rw\n",
        "/dev/sda1 / ext4 rw 0 0\n",   // fstab
        "//h/s /mnt/x cifs rw 0 0\n",  // /proc/mounts
        good + std::string(1, '\0') + good,
    };
    for (const auto& text : texts) {
        const auto table = MountTable::parse(text);
        ASSERT_FALSE(table) << text;
        EXPECT_EQ(EINVAL, table.error().code) << text;
    }
}

TEST(MountTable, LastLineWithoutLineEnd) {
    auto text = line("- cifs //h/s rw") + line("- cifs //g/s rw,addr=1.2.3.4");
    text.pop_back();
    const auto table = must(MountTable::parse(text));
    ASSERT_EQ(2U, table.mounts().size());
    EXPECT_EQ("1.2.3.4", table.mounts()[1].option("addr"));
}

TEST(MountTable, Limits) {
    const auto one = line("- tmpfs tmpfs rw");
    std::string text;
    for (std::size_t count = 0; count < MountTable::kMountsMost; ++count) text += one;
    ASSERT_LT(text.size(), MountTable::kTextLimit);
    EXPECT_EQ(MountTable::kMountsMost, must(MountTable::parse(text)).mounts().size());
    EXPECT_EQ(EFBIG, MountTable::parse(text + one).error().code);
    EXPECT_EQ(EFBIG, MountTable::parse(std::string(MountTable::kTextLimit + 1, 'x')).error().code);
}

TEST(MountTable, LongLine_IsRead) {
    const std::string lower(200'000, 'l');
    EXPECT_EQ(lower, must(MountTable::parse(line("- overlay overlay rw,lowerdir=" + lower)))
                         .mounts()[0]
                         .option("lowerdir"));
}

TEST(MountTable, OfTask_IsThatOfTheTask) {
    const auto table = must(MountTable::of_task(must(Task::open(::getpid()))));
    ASSERT_FALSE(table.mounts().empty());
    bool proc = false;
    for (const auto& mount : table.mounts()) proc = proc || (mount.type == "proc" && mount.target == "/proc");
    EXPECT_TRUE(proc);
}

TEST(MountTable, OfTaskThatHasExited_IsEsrch) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    siginfo_t info = {};
    ASSERT_EQ(0, ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT));
    const auto task = must(Task::open(pid));
    EXPECT_EQ(ESRCH, MountTable::of_task(task).error().code);  // a zombie
    ASSERT_EQ(pid, ::waitpid(pid, nullptr, 0));
    EXPECT_EQ(ESRCH, MountTable::of_task(task).error().code);
}

}  // namespace
}  // namespace nsutil
