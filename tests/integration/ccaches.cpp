/// @file
/// Which ticket is used, and whose is not.

#include <fmt/format.h>

#include <filesystem>

#include "support/janitor.hpp"
#include "support/neg_token.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

class Ccaches : public UpcallTest {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
        bob_ = must(realm().ticket("bob"));
    }

    /// A container whose default ccache is bob's, and alice's lies somewhere else.
    static ContainerSpec spec_with_both(std::uint32_t uid, std::vector<ContainerFile> alices) {
        auto spec = spec_with_ticket(bob_, uid);
        for (auto& file : alices) spec.files.push_back(std::move(file));
        return spec;
    }

    /// 200 KiB of variables, with `last` at the end.
    static std::vector<std::string> large_environment(std::string last) {
        std::vector<std::string> environment;
        for (int i = 0; i < 200; ++i)
            environment.push_back(fmt::format("FILLER_{:03}={}", i, std::string(1011, 'x')));
        environment.push_back(std::move(last));
        return environment;
    }

    inline static Ticket alice_;
    inline static Ticket bob_;
};

TEST_F(Ccaches, EnvironmentFile_OfUid0AndOthers_IsUsed) {
    for (const std::uint32_t uid : {0U, unused_uid()}) {
        for (const char* type : {"FILE:", ""}) {
            SCOPED_TRACE(fmt::format("{} {}", uid, type));
            auto spec = spec_with_both(uid, {ccache_file(alice_, "/tmp/deep/down/cc", uid)});
            spec.environment = large_environment(fmt::format("KRB5CCNAME={}/tmp/deep/down/cc", type));
            const auto container = must(Container::start(spec));
            (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
        }
    }
}

TEST_F(Ccaches, EnvironmentFile_InAUserNamespace_IsUsed) {
    for (const std::uint32_t uid : {0U, 5U}) {
        SCOPED_TRACE(uid);
        auto spec = spec_with_both(uid, {ccache_file(alice_, "/tmp/cc", uid)});
        spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
        spec.environment = large_environment("KRB5CCNAME=FILE:/tmp/cc");
        const auto container = must(Container::start(spec));
        (void)expect_token(ask(fields_for(container.tid(), unused_uid(uid))), "alice");
    }
}

TEST_F(Ccaches, EnvironmentDir_OfUid0AndOthers_IsUsed) {
    for (const std::uint32_t uid : {0U, unused_uid()}) {
        SCOPED_TRACE(uid);
        auto spec = spec_with_both(
            uid, {ccache_file(alice_, "/tmp/ccs/tktAbc", uid),
                  {.path = "/tmp/ccs/primary", .content = "tktAbc\n", .mode = 0600, .uid = uid, .gid = uid}});
        spec.environment = large_environment("KRB5CCNAME=DIR:/tmp/ccs");
        const auto container = must(Container::start(spec));
        (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
    }
}

TEST_F(Ccaches, EnvironmentDir_WithSeveralCaches_ServesTheUserAskedFor) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(bob_, uid);
    spec.files = {krb5_conf_file(),
                  {.path = "/tmp/ccs/primary", .content = "tkt1\n", .mode = 0600, .uid = uid, .gid = uid},
                  ccache_file(bob_, "/tmp/ccs/tkt1", uid),
                  ccache_file(alice_, "/tmp/ccs/tkt2", uid)};
    spec.environment = {"KRB5CCNAME=DIR:/tmp/ccs"};
    const auto container = must(Container::start(spec));
    auto fields = fields_for(container.tid(), uid);
    fields.user = "alice";
    (void)expect_token(ask(fields), "alice");
    fields.user = "bob";
    (void)expect_token(ask(fields), "bob");
}

TEST_F(Ccaches, EnvironmentSubsidiaryOfDir_IsUsed) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(bob_, uid);
    spec.files = {krb5_conf_file(),
                  {.path = "/tmp/ccs/primary", .content = "tkt1\n", .mode = 0600, .uid = uid, .gid = uid},
                  ccache_file(bob_, "/tmp/ccs/tkt1", uid),
                  ccache_file(alice_, "/tmp/ccs/tkt2", uid)};
    spec.environment = {"KRB5CCNAME=DIR::/tmp/ccs/tkt2"};
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

TEST_F(Ccaches, Environment_OfAnotherUsersProcess_IsNotUsed) {
    // The process runs as one user, the mount asks for another: the first must not choose for the second.
    const auto asker = unused_uid(1);
    const auto owner = unused_uid(2);
    auto spec = spec_with_ticket(alice_, asker);
    spec.files.push_back(ccache_file(bob_, "/tmp/of-owner", owner));
    spec.environment = {"KRB5CCNAME=FILE:/tmp/of-owner"};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), owner))));
}

TEST_F(Ccaches, Environment_OfRootOfAUserNamespace_IsNotUsedForOthers) {
    auto spec = spec_with_ticket(alice_, 0);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    spec.files.push_back(ccache_file(bob_, "/tmp/of-owner", 5));
    spec.environment = {"KRB5CCNAME=FILE:/tmp/of-owner"};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), unused_uid(5)))));
}

TEST_F(Ccaches, Environment_OfRootOnTheHost_IsUsedForTheUser) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(bob_, 0);
    spec.files.push_back(ccache_file(alice_, "/tmp/of-user", uid));
    spec.environment = {"KRB5CCNAME=FILE:/tmp/of-user"};
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

TEST_F(Ccaches, DefaultName_FromAnIncludedFile_IsUsed) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(bob_, uid);
    spec.files[0] = {.path = "/etc/krb5.conf",
                     .content = "include /tmp/conf/more.conf\n" + realm().krb5_conf()};
    spec.files.push_back({.path = "/tmp/conf/more.conf",
                          .content = "[libdefaults]\n    default_ccache_name = FILE:/tmp/%{uid}/tickets\n"});
    spec.files.push_back(ccache_file(alice_, fmt::format("/tmp/{}/tickets", uid), uid));
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

TEST_F(Ccaches, DefaultName_FromAnIncludedFolder_UsesTheInsideUid) {
    auto spec = spec_with_ticket(bob_, 5);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    spec.files[0] = {.path = "/etc/krb5.conf", .content = "includedir /tmp/conf.d\n" + realm().krb5_conf()};
    spec.files.push_back({.path = "/tmp/conf.d/ccache",
                          .content = "[libdefaults]\n    default_ccache_name = DIR:/tmp/of-%{uid}\n"});
    spec.files.push_back({.path = "/tmp/of-5/primary", .content = "tkt\n", .mode = 0600, .uid = 5, .gid = 5});
    spec.files.push_back(ccache_file(alice_, "/tmp/of-5/tkt", 5));
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), unused_uid(5))), "alice");
}

TEST_F(Ccaches, ReadOnly_IsUsed) {
    const auto uid = unused_uid();
    for (const bool mounted_read_only : {false, true}) {
        SCOPED_TRACE(mounted_read_only);
        auto spec = spec_with_ticket(alice_, uid);
        spec.files[1].mode = 0400;
        spec.files[1].read_only_mount = mounted_read_only;
        const auto container = must(Container::start(spec));
        (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
    }
}

TEST_F(Ccaches, ServiceTicket_InTheCache_NeedsNoKdc) {
    const auto uid = unused_uid();
    const auto ahead = must(realm().ticket("alice", {.service_ahead = true}));
    const auto container = must(Container::start(spec_with_ticket(ahead, uid)));
    realm().stop_kdc();
    const auto answer = ask(fields_for(container.tid(), uid));
    must(realm().start_kdc());
    (void)expect_token(answer, "alice");
}

TEST_F(Ccaches, TwoUsers_InOneContainer_GetTheirOwn) {
    auto spec = spec_with_ticket(alice_, 3);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    spec.files.push_back(ccache_file(bob_, "/tmp/krb5cc_4", 4));
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), unused_uid(3))), "alice");
    (void)expect_token(ask(fields_for(container.tid(), unused_uid(4))), "bob");
}

TEST_F(Ccaches, HostName_InUpperCase_FindsTheService) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    auto fields = fields_for(container.tid(), uid);
    for (auto& letter : fields.host) letter = static_cast<char>(std::toupper(letter));
    add_rule(RequestRule::pattern_for(fields.host));
    (void)expect_token(ask(fields), "alice");
}

TEST_F(Ccaches, MsKrb5_OffersTheMicrosoftOidFirst) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.sec = "mskrb5";
    const auto accepted = expect_token(ask(fields), "alice");
    ASSERT_FALSE(accepted.mech_types.empty());
    EXPECT_EQ(kOidMsKrb5, accepted.mech_types.front());
}

TEST_F(Ccaches, Description_OfAnOldKernel_IsServed) {
    // 6.1 knows no upcall_target.
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.upcall_target.reset();
    (void)expect_token(ask(fields), "alice");
    fields.address = "ip6=fe80:0000:0000:0000:0000:0000:0000:0001";
    (void)expect_token(ask(fields), "alice");
}

/// A valid ticket on the host for the same user id, where a helper that looks in the wrong place finds it.
class HostDecoy {
  public:
    HostDecoy(std::uint32_t uid, const Ticket& ticket) : path_(fmt::format("/tmp/krb5cc_{}", uid)) {
        if (std::filesystem::exists(path_)) throw std::runtime_error(path_ + " exists, and is not ours");
        must(remember_path(path_));
        must(write_file(path_, ticket.ccache, 0600, uid, uid));
    }
    HostDecoy(const HostDecoy&) = delete;
    HostDecoy& operator=(const HostDecoy&) = delete;
    ~HostDecoy() {
        std::filesystem::remove(path_);
        forget_path(path_);
    }

  private:
    std::string path_;
};

TEST_F(Ccaches, HostDecoy_IsNeverUsedForAContainer) {
    const auto uid = unused_uid();
    const HostDecoy decoy(uid, bob_);
    // The decoy is as tempting as can be: the host's configuration is the realm's.
    use_options({"-k", realm().krb5_conf_path().string(), "--test-type=cifs.spnego"});

    ContainerSpec spec;
    spec.uid = uid;
    spec.gid = uid;
    spec.files = {krb5_conf_file()};
    {
        SCOPED_TRACE("mount and pid namespace");
        spec.pid_namespace = true;
        const auto container = must(Container::start(spec));
        EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), uid))));
    }
    {
        SCOPED_TRACE("mount and user namespace");
        auto with_user = spec;
        with_user.pid_namespace = false;
        with_user.user = UserNamespaceSpec::same({{uid, uid, 1}});
        const auto container = must(Container::start(with_user));
        EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), uid))));
    }
    {
        SCOPED_TRACE("another root directory");
        auto with_root = spec;
        with_root.pid_namespace = false;
        with_root.root = RootKind::scratch;
        const auto container = must(Container::start(with_root));
        EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), uid))));
    }
    {
        SCOPED_TRACE("an expired ticket inside does not make the host's one right");
        auto expired = spec_with_ticket(must(realm().expired_ticket("alice")), uid);
        const auto container = must(Container::start(expired));
        EXPECT_EQ("EKEYEXPIRED", refusal(ask(fields_for(container.tid(), uid))));
    }
}

TEST_F(Ccaches, HostDecoy_ThatTheContainerNamesInItsEnvironment_IsNotUsed) {
    const auto uid = unused_uid();
    const HostDecoy decoy(uid, bob_);
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = uid;
    spec.gid = uid;
    spec.files = {krb5_conf_file()};
    spec.environment = {fmt::format("KRB5CCNAME=FILE:/tmp/krb5cc_{}", uid)};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), uid))));
}

TEST_F(Ccaches, ServiceOfTheHost_WithAPrivateTmp_UsesTheHostsTicket) {
    // As systemd starts one: its own mounts, and nothing else of its own.
    const auto uid = unused_uid();
    const HostDecoy hosts(uid, alice_);
    use_options({"-k", realm().krb5_conf_path().string(), "--test-type=cifs.spnego"});
    ContainerSpec spec;
    spec.uid = uid;
    spec.gid = uid;
    const auto service = must(Container::start(spec));
    (void)expect_token(ask(fields_for(service.tid(), uid)), "alice");
}

}  // namespace
}  // namespace nsupcall::test
