/// @file
/// A token for a process in every kind of container, with a ticket that exists only there.

#include <fmt/format.h>

#include "support/neg_token.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

class Namespaces : public UpcallTest {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
    }

    /// Puts the user with inside id `uid` into a user namespace with these lines.
    static ContainerSpec user_namespace_spec(std::vector<IdLine> lines, std::uint32_t uid) {
        auto spec = spec_with_ticket(alice_, uid);
        spec.user = UserNamespaceSpec::same(std::move(lines));
        return spec;
    }

    void expect_alices_token(const ContainerSpec& spec, std::uint32_t host_uid) {
        const auto container = must(Container::start(spec));
        const auto accepted = expect_token(ask(fields_for(container.tid(), host_uid)), "alice");
        EXPECT_EQ("cifs/" + host() + "@" + realm().name(), accepted.service);
        ASSERT_FALSE(accepted.mech_types.empty());
        EXPECT_EQ(kOidKrb5, accepted.mech_types.front());
    }

    inline static Ticket alice_;
};

TEST_F(Namespaces, HostProcess_GetsItsToken) {
    const auto uid = unused_uid();
    const auto ccache = realm().folder() / "host-cc";
    must(write_file(ccache, alice_.ccache, 0600, uid, uid));
    // The machine's own krb5.conf stays as it is.
    use_options({"-k", realm().krb5_conf_path().string(), "--test-type=cifs.spnego"});
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.uid = uid;
    spec.gid = uid;
    spec.environment = {"KRB5CCNAME=FILE:" + ccache.string()};
    expect_alices_token(spec, uid);
}

TEST_F(Namespaces, HostProcess_OfUid0_GetsItsToken) {
    const auto ccache = realm().folder() / "host-cc-root";
    must(write_file(ccache, alice_.ccache));
    use_options({"-k", realm().krb5_conf_path().string(), "--test-type=cifs.spnego"});
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.environment = {"KRB5CCNAME=FILE:" + ccache.string()};
    expect_alices_token(spec, 0);
}

TEST_F(Namespaces, OwnMounts_GetsItsToken) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(alice_, uid);
    spec.pid_namespace = false;
    expect_alices_token(spec, uid);
}

TEST_F(Namespaces, OwnMountsAndPids_GetsItsToken) {
    const auto uid = unused_uid();
    expect_alices_token(spec_with_ticket(alice_, uid), uid);
}

TEST_F(Namespaces, OwnMountsAndPids_OfUid0_GetsItsToken) {
    expect_alices_token(spec_with_ticket(alice_, 0), 0);
}

TEST_F(Namespaces, UserNamespace_WithOneLine_GetsItsToken) {
    expect_alices_token(user_namespace_spec({{1000, unused_uid(), 1}}, 1000), unused_uid());
}

TEST_F(Namespaces, UserNamespace_OfItsRoot_GetsItsToken) {
    expect_alices_token(user_namespace_spec({{0, unused_uid(), 1}}, 0), unused_uid());
}

TEST_F(Namespaces, UserNamespace_WithThreeLines_GetsItsToken) {
    const auto base = unused_uid();
    const std::vector<IdLine> lines = {{0, base, 1}, {1, base + 10, 20}, {1000, base + 40, 10}};
    expect_alices_token(user_namespace_spec(lines, 0), base);
    expect_alices_token(user_namespace_spec(lines, 7), base + 16);
    expect_alices_token(user_namespace_spec(lines, 1009), base + 49);
}

TEST_F(Namespaces, UserNamespace_WithIdsAbove2To31_GetsItsToken) {
    expect_alices_token(user_namespace_spec({{0, 3392012288U, 65536}}, 1000), 3392013288U);
    expect_alices_token(user_namespace_spec({{0, 2147483648U, 65534}}, 0), 2147483648U);
    expect_alices_token(user_namespace_spec({{0, 4294901760U, 65535}}, 65534), 4294967294U);
}

TEST_F(Namespaces, UserNamespace_WithInsideIdsAbove2To31_GetsItsToken) {
    expect_alices_token(
        user_namespace_spec({{0, unused_uid(), 1}, {3000000000U, unused_uid(1), 1}}, 3000000000U),
        unused_uid(1));
}

TEST_F(Namespaces, NestedUserNamespace_GetsItsToken) {
    auto spec = user_namespace_spec({{0, 3392012288U, 65536}}, 1003);
    spec.nested_user = UserNamespaceSpec::same({{0, 1000, 100}, {1000, 5000, 10}});
    expect_alices_token(spec, 3392012288U + 5003);
}

TEST_F(Namespaces, UserNamespaceAlone_GetsItsToken) {
    // The host's mounts: the ticket lies on the host, owned by the id that the user has there.
    const auto uid = unused_uid();
    const auto ccache = realm().folder() / "userns-cc";
    must(write_file(ccache, alice_.ccache, 0600, uid, uid));
    use_options({"-k", realm().krb5_conf_path().string(), "--test-type=cifs.spnego"});
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.user = UserNamespaceSpec::same({{1000, uid, 1}});
    spec.uid = 1000;
    spec.gid = 1000;
    spec.environment = {"KRB5CCNAME=" + ccache.string()};
    expect_alices_token(spec, uid);
}

TEST_F(Namespaces, ScratchRoot_WithoutLibraries_GetsItsToken) {
    auto spec = user_namespace_spec({{0, unused_uid(), 60}}, 10);
    spec.root = RootKind::scratch;
    expect_alices_token(spec, unused_uid(10));
}

TEST_F(Namespaces, ScratchRoot_WithoutUserNamespace_GetsItsToken) {
    auto spec = spec_with_ticket(alice_, unused_uid());
    spec.root = RootKind::scratch;
    spec.net_namespace = false;
    expect_alices_token(spec, unused_uid());
}

TEST_F(Namespaces, ChrootedProcess_GetsItsToken) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(alice_, uid);
    spec.chroot_to = "/tmp/jail";
    for (auto& file : spec.files) file.path.insert(0, spec.chroot_to);
    // What lies outside of the jail must not be looked at.
    spec.files.push_back(ccache_file(must(realm().ticket("bob")), fmt::format("/tmp/krb5cc_{}", uid), uid));
    spec.files.push_back(
        {.path = "/etc/krb5.conf", .content = "[libdefaults]\n    default_realm = WRONG.TEST\n"});
    expect_alices_token(spec, uid);
}

TEST_F(Namespaces, ChrootedProcessOfTheHost_GetsItsToken) {
    // A chroot without any namespace.
    const auto uid = unused_uid();
    const auto jail = realm().folder() / "jail";
    std::filesystem::create_directories(jail / "etc");
    std::filesystem::create_directories(jail / "tmp");
    must(write_file(jail / "etc/krb5.conf", realm().krb5_conf(), 0644));
    must(write_file(jail / fmt::format("tmp/krb5cc_{}", uid), alice_.ccache, 0600, uid, uid));
    ContainerSpec spec;
    spec.mount_namespace = false;
    spec.chroot_to = jail.string();
    spec.uid = uid;
    spec.gid = uid;
    expect_alices_token(spec, uid);
}

TEST_F(Namespaces, Thread_ThatIsNoLeader_GetsItsToken) {
    auto spec = spec_with_ticket(alice_, unused_uid());
    spec.task = TaskKind::thread;
    expect_alices_token(spec, unused_uid());
}

TEST_F(Namespaces, Thread_InAUserNamespace_GetsItsToken) {
    auto spec = user_namespace_spec({{0, unused_uid(), 60}}, 10);
    spec.task = TaskKind::thread;
    expect_alices_token(spec, unused_uid(10));
}

TEST_F(Namespaces, Thread_WithMountsOfItsOwn_GetsItsOwnToken) {
    // The leader's /tmp has bob's ticket, the thread's alone has alice's.
    auto spec = spec_with_ticket(must(realm().ticket("bob")), 0);
    spec.pid_namespace = false;
    spec.task = TaskKind::thread_own_mounts;
    const auto container = must(Container::start(spec));
    must(container.add_file(ccache_file(alice_, "/tmp/krb5cc_0", 0)));
    (void)expect_token(ask(fields_for(container.tid(), 0)), "alice");
    (void)expect_token(ask(fields_for(container.pid(), 0)), "bob");
}

TEST_F(Namespaces, Thread_WhoseLeaderExited_GetsItsToken) {
    auto spec = spec_with_ticket(alice_, unused_uid());
    spec.pid_namespace = false;
    spec.task = TaskKind::thread_leader_exited;
    expect_alices_token(spec, unused_uid());
}

TEST_F(Namespaces, NetworkNamespace_WhereAloneTheKdcIs_GetsItsToken) {
    const auto uid = unused_uid();
    for (const bool with_user_namespace : {false, true}) {
        SCOPED_TRACE(with_user_namespace);
        ContainerSpec spec;
        spec.net_namespace = true;
        spec.pid_namespace = true;
        spec.uid = with_user_namespace ? 10 : uid;
        spec.gid = spec.uid;
        if (with_user_namespace) spec.user = UserNamespaceSpec::same({{10, uid, 1}});
        // The namespace comes first, the realm inside it second, the files with its port last.
        const auto lan = must(Container::start(spec));
        auto inner = must(Realm::start({.netns_fd = lan.netns_fd()}));
        must(inner.add_user("alice"));
        const auto ticket = must(inner.ticket("alice"));
        must(lan.add_file({.path = "/tmp/krb5.conf", .content = inner.krb5_conf()}));
        must(lan.add_file(ccache_file(ticket, fmt::format("/tmp/krb5cc_{}", spec.uid), spec.uid)));
        add_rule(RequestRule::pattern_for(inner.service_host()),
                 {"-k", inner.krb5_conf_path().string(), "--test-type=cifs.spnego"});
        auto fields = fields_for(lan.tid(), uid);
        fields.host = inner.service_host();
        const auto answer = ask(fields);
        ASSERT_EQ("a key", answer.text().substr(0, 5)) << answer.text();
        const auto payload = must(parse_payload(answer.payload));
        const auto accepted =
            must(accept_token(payload.blob, inner.service_keytab(), inner.krb5_conf_path()));
        EXPECT_EQ(inner.principal("alice"), accepted.client);
        EXPECT_EQ(payload.session_key, accepted.session_key);

        // The same ticket, seen from the host's network, leads nowhere.
        auto outside = spec_with_ticket(ticket, spec.uid);
        outside.user = spec.user;
        outside.files[0] = {.path = "/etc/krb5.conf", .content = inner.krb5_conf()};
        const auto other = must(Container::start(outside));
        fields.pid = other.tid();
        EXPECT_EQ("EHOSTUNREACH", refusal(ask(fields)));
    }
}

TEST_F(Namespaces, ThirtyTwoContainersAtOnce_EachGetItsOwnToken) {
    const auto bob = must(realm().ticket("bob"));
    constexpr std::uint32_t kContainers = 32;
    std::vector<Container> containers;
    std::vector<KeyRequest> requests;
    for (std::uint32_t i = 0; i < kContainers; ++i) {
        const std::uint32_t outside = 3392012288U + i * 65536;
        auto spec = spec_with_ticket(i % 2 == 0 ? alice_ : bob, 1000);
        spec.user = UserNamespaceSpec::same({{0, outside, 65536}});
        containers.push_back(must(Container::start(spec)));
    }
    for (std::uint32_t i = 0; i < kContainers; ++i) {
        const auto fields = fields_for(containers[i].tid(), 3392012288U + i * 65536 + 1000);
        requests.push_back(must(KeyRequest::start(fields.description())));
    }
    for (std::uint32_t i = 0; i < kContainers; ++i) {
        SCOPED_TRACE(i);
        (void)expect_token(must(requests[i].finish()), i % 2 == 0 ? "alice" : "bob");
    }
}

}  // namespace
}  // namespace nsupcall::test
