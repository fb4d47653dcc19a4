/// @file
/// A kernel thread that asks for a session's token is answered where the session was made, or not at all.

#include <sys/mount.h>

#include <algorithm>
#include <sstream>

#include "integration/session_support.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

class SessionReconnect : public SessionTest {};

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

TEST_F(SessionReconnect, Container_IsAnsweredAsWhoItWas) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    (void)expect_token(ask(use(container, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
    EXPECT_TRUE(has(logged(), "(session record)"));
}

TEST_F(SessionReconnect, Container_WithADecoyOnTheHost_IsAnsweredAsWhoItWas) {
    const auto uid = unused_uid();
    const std::filesystem::path decoy = fmt::format("/tmp/krb5cc_{}", uid);
    must(write_file(decoy, must(realm().ticket("bob")).ccache, 0600, uid, uid));
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    remember_in(records(), {"-k", realm().krb5_conf_path().string()});
    const auto before = ask(reconnect(uid));
    (void)expect_token(ask(use(container, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
    std::filesystem::remove(decoy);
    // Without a record nothing says that the host's would be right.
    EXPECT_EQ("ENOKEY", refusal(before));
}

TEST_F(SessionReconnect, UserNamespace_IsAnswered) {
    const auto first = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), 0);
    spec.user = UserNamespaceSpec::same({{0, first, 10}});
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(use(container, first)), "alice");
    (void)expect_token(ask(reconnect(first)), "alice");
}

TEST_F(SessionReconnect, NetworkNamespace_IsAnswered) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice", {.service_ahead = true})), uid);
    spec.net_namespace = true;
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(use(container, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionReconnect, CcacheOfTheEnvironment_IsUsedAgain) {
    // A kernel thread has no environment: the record knows the name.
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("bob")), uid);
    spec.files.push_back(ccache_file(must(realm().ticket("alice")), "/tmp/mine", uid));
    spec.environment = {"KRB5CCNAME=/tmp/mine"};
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(use(container, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionReconnect, CcacheOfSomebodyElseNow_IsRefused) {
    // With another principal the session would change its owner on the server.
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    (void)expect_token(ask(use(container, uid)), "alice");
    must(container.add_file(
        ccache_file(must(realm().ticket("bob")), fmt::format("/tmp/krb5cc_{}", uid), uid)));
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    EXPECT_TRUE(has(logged(), "wrong principal"));
}

TEST_F(SessionReconnect, TwoContainersWithOneUid_AndTheirUsernames_GetTheirOwn) {
    const auto uid = unused_uid();
    const auto one = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto two = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid)));
    (void)expect_token(ask(use(one, uid, "alice")), "alice");
    (void)expect_token(ask(use(two, uid, "bob")), "bob");
    (void)expect_token(ask(reconnect(uid, "alice")), "alice");
    (void)expect_token(ask(reconnect(uid, "bob")), "bob");
}

TEST_F(SessionReconnect, TwoContainersThatNothingTellsApart_AreRefused) {
    const auto uid = unused_uid();
    const auto one = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    auto two = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid)));
    (void)expect_token(ask(use(one, uid)), "alice");
    (void)expect_token(ask(use(two, uid)), "bob");
    (void)logged();
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    const auto log = logged();
    EXPECT_TRUE(has(log, "several sessions fit")) << log;
    EXPECT_TRUE(has(log, "alice@LAB.TEST")) << log;
    EXPECT_TRUE(has(log, "bob@LAB.TEST")) << log;
    EXPECT_TRUE(has(log, "username=")) << log;
    // Where one of them is gone, the other is meant.
    two.stop();
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionReconnect, TwoContainersOfOnePrincipal_AreAnswered) {
    const auto uid = unused_uid();
    const auto one = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto two = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    (void)expect_token(ask(use(one, uid)), "alice");
    (void)expect_token(ask(use(two, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
}

TEST_F(SessionReconnect, SameServerAtTwoAddresses_IsToldApartByThem) {
    const auto uid = unused_uid();
    const auto one = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto two = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid)));
    auto fields = use(one, uid);
    fields.address = "ip4=127.0.0.2";
    (void)expect_token(ask(fields), "alice");
    fields = use(two, uid);
    fields.address = "ip4=127.0.0.3";
    (void)expect_token(ask(fields), "bob");
    fields = reconnect(uid);
    fields.address = "ip4=127.0.0.2";
    (void)expect_token(ask(fields), "alice");
    fields.address = "ip4=127.0.0.3";
    (void)expect_token(ask(fields), "bob");
}

TEST_F(SessionReconnect, AnotherChannelOfTheServer_IsAnswered) {
    // Multichannel: a worker connects to another address of the same server.
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    (void)expect_token(ask(use(container, uid)), "alice");
    auto fields = reconnect(uid);
    fields.address = "ip4=127.0.0.7";
    (void)expect_token(ask(fields), "alice");
}

TEST_F(SessionReconnect, ContainerThatIsGone_IsRefused) {
    const auto uid = unused_uid();
    const std::filesystem::path decoy = fmt::format("/tmp/krb5cc_{}", uid);
    must(write_file(decoy, must(realm().ticket("bob")).ccache, 0600, uid, uid));
    remember_in(records(), {"-k", realm().krb5_conf_path().string()});
    {
        const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
        (void)expect_token(ask(use(container, uid)), "alice");
    }
    // However often it asks: what is known of the session is not forgotten.
    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
        const auto log = logged();
        EXPECT_TRUE(has(log, "is gone: alice@LAB.TEST")) << log;
    }
    // Whoever comes after it is known by its own record.
    const auto next = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid)));
    (void)expect_token(ask(use(next, uid)), "bob");
    (void)expect_token(ask(reconnect(uid)), "bob");
    EXPECT_EQ(1U, record_files().size()) << "the record of what is gone is of no use any more";
    std::filesystem::remove(decoy);
}

ino_t inode_of(const Container& container, const char* kind) {
    struct stat info = {};
    const auto path = fmt::format("/proc/{}/ns/{}", container.pid(), kind);
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

TEST_F(SessionReconnect, LaterContainerWithTheSameInodeNumbers_IsNotTakenForIt) {
    const auto uid = unused_uid();
    const auto alice = must(realm().ticket("alice"));
    const auto bob = must(realm().ticket("bob"));
    // The kernel uses the lowest numbers again first, unless somebody else gets them.
    constexpr int kTries = 20;
    for (int i = 0; i < kTries; ++i) {
        ino_t mounts = 0, pids = 0;
        {
            const auto former = must(Container::start(spec_with_ticket(alice, uid)));
            mounts = inode_of(former, "mnt");
            pids = inode_of(former, "pid");
            (void)expect_token(ask(use(former, uid)), "alice");
        }
        ::usleep(30'000);  // the kernel frees namespaces after a while
        const auto later = must(Container::start(spec_with_ticket(bob, uid)));
        if (inode_of(later, "mnt") != mounts || inode_of(later, "pid") != pids) continue;
        // The new container has the numbers, but it holds no session.
        EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
        (void)expect_token(ask(use(later, uid)), "bob");
        (void)expect_token(ask(reconnect(uid)), "bob");
        return;
    }
    GTEST_LOG_(INFO) << "the numbers were not used again: only the record with the numbers changed was tried";
}

/// `text` with the values of these lines as in `other`.
std::string with_lines_of(const std::string& other, const std::string& text,
                          const std::vector<std::string>& names) {
    std::istringstream mine(text), theirs(other);
    std::string result;
    for (std::string line, another; std::getline(mine, line) && std::getline(theirs, another);) {
        const auto name = line.substr(0, line.find('='));
        result += (std::ranges::find(names, name) != names.end() ? another : line) + "\n";
    }
    return result;
}

TEST_F(SessionReconnect, RecordWithTheInodeNumbersOfAnother_IsNotTakenForIt) {
    // What a record looks like after its numbers were used again, made by hand.
    const auto uid = unused_uid();
    const auto later = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid)));
    (void)expect_token(ask(use(later, uid)), "bob");
    ASSERT_EQ(1U, record_files().size());
    const auto of_later = must(read_file(record_files()[0]));
    std::filesystem::remove(record_files()[0]);
    {
        const auto former = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
        (void)expect_token(ask(use(former, uid)), "alice");
    }
    ASSERT_EQ(1U, record_files().size());
    const auto file = record_files()[0];
    const auto of_former = must(read_file(file));
    if (of_former.find("\nmnt_serial=0\n") != std::string::npos)
        NSUPCALL_SKIP("this kernel does not number mount namespaces (needs Linux 6.11)");
    const std::vector<std::string> inodes = {"mnt_device",  "mnt_inode",  "pid_device",  "pid_inode",
                                             "root_device", "root_inode", "anchor_tgid", "anchor_ticks"};
    must(write_file(file, with_lines_of(of_later, of_former, inodes)));
    EXPECT_EQ("ENOKEY", refusal(ask(reconnect(uid))));
    // The same with the kernel's numbers: now it is a record of the later container.
    auto all = inodes;
    all.insert(all.end(), {"mnt_serial", "principal"});
    must(write_file(file, with_lines_of(of_later, of_former, all)));
    (void)expect_token(ask(reconnect(uid)), "bob");
}

TEST_F(SessionReconnect, Host_IsAnsweredFromItsRecord) {
    const auto uid = unused_uid();
    remember_in(records(), {"-k", realm().krb5_conf_path().string()});
    const auto ccache = realm().folder() / "host-ccache";
    must(write_file(ccache, must(realm().ticket("alice")).ccache, 0600, uid, uid));
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.uid = uid;
    spec.gid = uid;
    spec.environment = {"KRB5CCNAME=FILE:" + ccache.string()};
    const auto process = must(Container::start(spec));
    (void)expect_token(ask(use(process, uid)), "alice");
    (void)expect_token(ask(reconnect(uid)), "alice");
    const auto log = logged();
    EXPECT_TRUE(has(log, "(session record)")) << log;
}

TEST_F(SessionReconnect, TargetMount_IsTheHosts) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    (void)expect_token(ask(use(container, uid)), "alice");
    const std::filesystem::path ccache = fmt::format("/tmp/krb5cc_{}", uid);
    must(write_file(ccache, must(realm().ticket("bob")).ccache, 0600, uid, uid));
    remember_in(records(), {"-k", realm().krb5_conf_path().string()});
    auto mounted = use(container, uid);
    mounted.upcall_target = "mount";
    const auto at_mount = ask(mounted);
    auto again = reconnect(uid);
    again.upcall_target = "mount";
    (void)logged();
    const auto at_reconnect = ask(again);
    const auto log = logged();
    std::filesystem::remove_all(records());
    const auto without_record = ask(again);
    std::filesystem::remove(ccache);
    (void)expect_token(at_mount, "bob");
    (void)expect_token(at_reconnect, "bob");
    EXPECT_TRUE(has(log, "namespaces of the host (session record)")) << log;
    (void)expect_token(without_record, "bob");
}

}  // namespace
}  // namespace nsupcall::test
