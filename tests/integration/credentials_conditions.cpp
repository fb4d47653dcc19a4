/// @file
/// Each condition, variable and source of the rules, and each verdict in the log, by real requests.

#include <fmt/format.h>

#include <functional>

#include "credentials_support.hpp"
#include "nsutil/task.hpp"
#include "support/control_group.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

class CredentialsConditions : public CredentialTest {
  protected:
    /// A rule with this condition denies one request and leaves the other alone.
    void expect_told_apart(const std::string& condition, const UpcallFields& caught,
                           const UpcallFields& let_pass) {
        SCOPED_TRACE(condition);
        use_rules(fmt::format("[rules]\n 10-no = {{\n {}\n deny = yes\n }}\n", condition));
        EXPECT_EQ("EACCES", refusal(ask(caught)));
        (void)expect_token(ask(let_pass), "alice");
    }
    static UpcallFields with_address(UpcallFields fields, const std::string& address) {
        fields.address = address;
        return fields;
    }
    static UpcallFields with_user(UpcallFields fields, const std::string& user) {
        fields.user = user;
        return fields;
    }
};

TEST_F(CredentialsConditions, OfTheMount_AreMatched) {
    const auto uid = unused_uid(1);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto fields = fields_for(container.tid(), uid);
    expect_told_apart("address = 127.0.0.2 10.0.0.0/8", with_address(fields, "ip4=127.0.0.2"), fields);
    expect_told_apart("address = fe80::/10",
                      with_address(fields, "ip6=fe80:0000:0000:0000:0000:0000:0000:0001"),
                      with_address(fields, "ip6=20010db8000000000000000000000001"));
    expect_told_apart("user = svc-*", with_user(fields, "svc-web"), with_user(fields, "alice"));
    auto mounting = fields;
    mounting.upcall_target = "mount";
    auto old = fields;
    old.upcall_target.reset();
    expect_told_apart("upcall_target = mount", mounting, old);
    auto elsewhere = fields;
    elsewhere.host += ".other";
    use_rules("[rules]\n r = {\n host = *.OTHER\n deny = yes\n }\n");
    add_rule(RequestRule::pattern_for(elsewhere.host), {"--test-type=cifs.spnego", "--config=" + config()});
    EXPECT_EQ("EACCES", refusal(ask(elsewhere)));
    (void)expect_token(ask(fields), "alice");
}

TEST_F(CredentialsConditions, KindOfRequester_IsTold) {
    const auto uid = unused_uid(2);
    const auto ticket = realm().folder() / "of-the-host";
    must(write_file(ticket, alice_.ccache, 0600, uid, uid));
    ContainerSpec spec;
    spec.uid = spec.gid = uid;
    spec.environment = {"KRB5CCNAME=FILE:" + ticket.string()};
    spec.mount_namespace = false;
    const auto process = must(Container::start(spec));
    spec.mount_namespace = true;
    const auto service = must(Container::start(spec));
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    pid_t kernel_thread = 2;  // kthreadd, wherever this machine shows its own
    if (const auto task = nsutil::Task::open(kernel_thread); !task || !task->stat()->is_kernel_thread())
        kernel_thread = 0;
    const std::pair<const char*, pid_t> askers[] = {{"host", process.tid()},
                                                    {"service", service.tid()},
                                                    {"container", container.tid()},
                                                    {"kernel", kernel_thread}};
    for (const auto& [kind, unused] : askers) {
        use_rules(fmt::format("[rules]\n 10-no = {{\n kind = {}\n deny = yes\n }}\n", kind));
        for (const auto& [other, tid] : askers) {
            if (tid == 0) continue;
            const auto said = refusal(ask(fields_for(tid, uid)));
            EXPECT_EQ(std::string_view(kind) == other, said == "EACCES")
                << kind << " / " << other << ": " << said;
        }
    }
}

TEST_F(CredentialsConditions, ContainerAndCgroup_OfTheRequester_AreMatchedByGlob) {
    if (unified_hierarchy().empty()) NSUPCALL_SKIP("no unified control group hierarchy is mounted");
    const auto uid = unused_uid(3);
    const auto named = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto unnamed = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto id = container_id();
    const ControlGroup group("cri-containerd-" + id + ".scope", named.pid());
    const auto caught = fields_for(named.tid(), uid), let_pass = fields_for(unnamed.tid(), uid);
    expect_told_apart("container = " + id, caught, let_pass);
    expect_told_apart("container = ????????" + id.substr(8, 50) + "*", caught, let_pass);
    expect_told_apart("container = nothing* " + id.substr(0, 60) + "*", caught, let_pass);
    expect_told_apart("cgroup = /cri-containerd-" + id + "*", caught, let_pass);
    use_rules("[rules]\n r = {\n container = " + id.substr(1) + "*\n deny = yes\n }\n");
    (void)expect_token(ask(caught), "alice");
    // What a rule gives one container, another does not get: here a ccache in a folder named by the id.
    must(named.add_file(ccache_file(bob_, "/tmp/by-id/" + id, uid)));
    must(unnamed.add_file(ccache_file(bob_, "/tmp/by-id/" + id, uid)));
    use_rules("[defaults]\n ccache = /tmp/by-id/%{container}\n");
    expect_for(named, uid, {}, "bob");
    expect_for(unnamed, uid, {}, "alice");
}

TEST_F(CredentialsConditions, EveryVariable_IsFilledIn) {
    const auto base = unused_uid(10);
    auto spec = bare_spec(5);
    spec.user = UserNamespaceSpec::same({{0, base, 10}});
    const std::pair<const char*, std::string> variables[] = {{"uid", "5"},
                                                             {"euid", "5"},
                                                             {"host_uid", std::to_string(base + 5)},
                                                             {"username", "alice"},
                                                             {"realm", "LAB.TEST"},
                                                             {"host", host()},
                                                             {"label", host().substr(0, host().find('.'))},
                                                             {"address", "127.0.0.1"}};
    for (const auto& [name, value] : variables)
        spec.files.push_back(ccache_file(alice_, fmt::format("/tmp/v/{}/{}", name, value), 5));
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal_for(container, base + 5, "alice@LAB.TEST"));
    for (const auto& [name, value] : variables) {
        SCOPED_TRACE(name);
        use_rules(fmt::format("[defaults]\n ccache = FILE:/tmp/v/{0}/%{{{0}}}\n", name));
        expect_for(container, base + 5, "alice@LAB.TEST", "alice");
    }
}

TEST_F(CredentialsConditions, EverySource_CanBeSwitchedOff) {
    const auto uid = unused_uid(20);
    const auto keytab = realm().folder() / "switch.keytab", of_host = realm().folder() / "switch.ccache";
    must(write_file(keytab, must(realm().keytab_of("alice")), 0600));
    must(write_file(of_host, alice_.ccache, 0600));
    const std::string grants = fmt::format(
        " ccache = FILE:/tmp/by-rule\n host_ccache = {}\n keytab = {}\n principal = alice@LAB.TEST\n",
        of_host.string(), keytab.string());
    // Where alice's ticket lies, for each source; empty where the rule itself brings it.
    const std::pair<const char*, std::string> places[] = {
        {"environment", "/tmp/by-environment"},
        {"rule", "/tmp/by-rule"},
        {"default", "/tmp/by-default"},
        {"tmp", fmt::format("/tmp/krb5cc_{}_x", uid)},
        {"run-user", fmt::format("/run/user/{}/krb5cc", uid)},
        {"csi", "/var/lib/kubelet/kerberos/dm9sLWE"},
        {"host-ccache", {}},
        {"keytab", {}}};
    for (const auto& [source, path] : places) {
        SCOPED_TRACE(source);
        ContainerSpec spec = bare_spec(uid, "FILE:/tmp/by-default");
        spec.root = RootKind::scratch;
        spec.environment = {"KRB5CCNAME=/tmp/by-environment"};
        if (!path.empty()) spec.files.push_back(ccache_file(alice_, path, uid));
        const auto container = must(Container::start(spec));
        std::string others;
        for (const auto& [other, unused] : places)
            if (std::string_view(other) != source && std::string_view(other) != "host-ccache" &&
                std::string_view(other) != "keytab")
                others.append(" ").append(other);
        use_rules("[rules]\n r = {\n kind = container\n" + grants + " sources =" + others + "\n }\n");
        EXPECT_EQ("ENOKEY", refusal_for(container, uid));
        use_rules("[rules]\n r = {\n kind = container\n" + grants + " sources = " + source + "\n }\n");
        expect_for(container, uid, {}, "alice");
    }
}

TEST_F(CredentialsConditions, SourcesInAnotherOrder_AreAskedInThatOrder) {
    const auto uid = unused_uid(21);
    auto spec = spec_with_ticket(bob_, uid);
    spec.files.push_back(ccache_file(alice_, "/tmp/mine", uid));
    spec.environment = {"KRB5CCNAME=/tmp/mine"};
    const auto container = must(Container::start(spec));
    expect_for(container, uid, {}, "alice");
    use_rules("[defaults]\n sources = tmp environment\n");
    expect_for(container, uid, {}, "bob");
}

TEST_F(CredentialsConditions, EveryVerdict_IsInTheLog) {
    const auto uid = unused_uid(22);
    const auto path = fmt::format("/tmp/krb5cc_{}", uid);
    using Spec = std::function<void(ContainerSpec&)>;
    const auto with_file = [&](const Ticket& ticket) {
        return
            [&, file = ccache_file(ticket, path, uid)](ContainerSpec& spec) { spec.files.push_back(file); };
    };
    struct {
        std::string user, expected;
        Spec prepare;
    } const cases[] = {
        {"", "KRB5CCNAME FILE:/tmp/nothing (absent)",
         [](ContainerSpec& spec) { spec.environment = {"KRB5CCNAME=/tmp/nothing"}; }},
        {"", path + " (used, alice@LAB.TEST", with_file(alice_)},
        {"", path + " (expired ", with_file(must(realm().expired_ticket("alice")))},
        {"bob@LAB.TEST", path + " (wrong principal, alice@LAB.TEST", with_file(alice_)},
        {"", path + " (not owned by the user: it belongs to uid " + std::to_string(unused_uid(23)),
         [&](ContainerSpec& spec) {
             spec.files.push_back(ccache_file(alice_, path, unused_uid(23)));
             spec.files.back().mode = 0644;
         }},
        {"", path + " (unreadable",
         [&](ContainerSpec& spec) {
             spec.files.push_back(ccache_file(alice_, path, uid));
             spec.files.back().mode = 0;
         }},
        {"", path + " (malformed",
         [&](ContainerSpec& spec) {
             spec.files.push_back(
                 {.path = path, .content = "no ccache", .mode = 0600, .uid = uid, .gid = uid});
         }},
        {"", "KRB5CCNAME MEMORY:x (unsupported: it lives inside another process)",
         [](ContainerSpec& spec) { spec.environment = {"KRB5CCNAME=MEMORY:x"}; }},
        {"", "(KDC unreachable, alice@LAB.TEST",
         [&](ContainerSpec& spec) {
             with_file(alice_)(spec);
             spec.net_namespace = true;
         }},
    };
    for (const auto& one : cases) {
        SCOPED_TRACE(one.expected);
        auto spec = bare_spec(uid);
        one.prepare(spec);
        const auto container = must(Container::start(spec));
        auto fields = fields_for(container.tid(), uid);
        if (!one.user.empty()) fields.user = one.user;
        EXPECT_HOLDS(logged(fields), one.expected);
    }
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    use_rules("[defaults]\n service = cifs/no-such-host.lab.test\n");
    EXPECT_HOLDS(logged(fields_for(container.tid(), uid), {"--config=" + config()}),
                 "KDC refused, alice@LAB.TEST");
    use_rules("[defaults]\n environment = no\n");
    auto spec = bare_spec(uid);
    spec.environment = {"KRB5CCNAME=/tmp/mine"};
    const auto unlooked = must(Container::start(spec));
    EXPECT_HOLDS(logged(fields_for(unlooked.tid(), uid), {"--config=" + config()}),
                 "KRB5CCNAME (not considered");
}

}  // namespace
}  // namespace nsupcall::test
