/// @file
/// Rules of the host: who gets what, and who does not.

#include <fmt/format.h>

#include "credentials_support.hpp"
#include "support/dead_kdc.hpp"
#include "support/janitor.hpp"

namespace nsupcall::test {
namespace {

class CredentialsRules : public CredentialTest {
  protected:
    std::string logged_with_rules(UpcallFields fields) {
        return logged(std::move(fields), {"--config=" + config()});
    }
    static std::filesystem::path keytab(std::string_view user) {
        const auto file = realm().folder() / fmt::format("{}.keytab", user);
        must(write_file(file, must(realm().keytab_of(user)), 0600));
        return file;
    }
};

TEST_F(CredentialsRules, Keytab_OfTheHost_ServesTheRulesContainerOnly) {
    const auto uid = unused_uid(1), other = unused_uid(2);
    const auto served = must(Container::start(bare_spec(uid)));
    const auto unserved = must(Container::start(bare_spec(other)));
    use_rules(
        fmt::format("[rules]\n 10-svc = {{\n creduid = {}\n kind = container\n keytab = {}\n"
                    " principal = alice@LAB.TEST\n }}\n",
                    uid, keytab("alice").string()));
    expect_for(served, uid, "root", "alice");
    EXPECT_EQ("ENOKEY", refusal_for(unserved, other));
    // The file is the host's; in the container there is no such path.
    const auto path = keytab("alice").string();
    EXPECT_EQ(1, must(served.run([&] { return ::access(path.c_str(), F_OK) == 0 ? 0 : 1; }, 0, 0)));
    EXPECT_HOLDS(logged_with_rules(fields_for(served.tid(), uid)), "keytab of rule 10-svc MEMORY (used");
    // A cache of its own comes first.
    must(served.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}", uid), uid)));
    expect_for(served, uid, "root", "bob");
}

TEST_F(CredentialsRules, Keytab_Principal_ByUserThenTemplateThenFirstEntry) {
    const auto uid = unused_uid(3);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto file = keytab("alice").string();
    use_rules(fmt::format("[rules]\n r = {{\n keytab = {}\n }}\n", file));
    expect_for(container, uid, "alice", "alice");
    expect_for(container, uid, "alice@LAB.TEST", "alice");
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "root"));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "alice@OTHER.TEST"));
    use_rules(
        fmt::format("[rules]\n r = {{\n keytab = {}\n principal = %{{username}}@%{{realm}}\n }}\n", file));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "root"));
    use_rules(fmt::format("[rules]\n r = {{\n keytab = {}\n keytab_first_entry = yes\n }}\n", file));
    expect_for(container, uid, "root", "alice");
}

TEST_F(CredentialsRules, Deny_IsEacces_AndFirstMatchWins) {
    const auto uid = unused_uid(4);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    use_rules("[rules]\n 10-no = {\n host = fs-*.lab.test\n deny = yes\n }\n");
    EXPECT_EQ("EACCES", refusal_for(container, uid));
    EXPECT_HOLDS(logged_with_rules(fields_for(container.tid(), uid)), "denied by rule 10-no");
    use_rules(fmt::format("[rules]\n 05-but = {{\n creduid = {}\n }}\n 10-no = {{\n deny = yes\n }}\n", uid));
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsRules, CcachePatterns_AreFilledInAndGlobbed) {
    const auto uid = unused_uid(5);
    auto spec = bare_spec(uid);
    spec.files.push_back(ccache_file(alice_, fmt::format("/tmp/app/{}/alice.cc", uid), uid));
    spec.files.push_back(ccache_file(bob_, fmt::format("/tmp/app/{}/bob.cc", uid), uid));
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    use_rules("[defaults]\n ccache = FILE:/tmp/app/%{uid}/%{username}.cc\n");
    expect_for(container, uid, "alice", "alice");
    expect_for(container, uid, "bob", "bob");
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "../bob"));
    use_rules("[defaults]\n ccache = /tmp/app/%{uid}/*.cc\n");
    expect_for(container, uid, "bob", "bob");
    expect_for(container, uid, realm().principal("alice"), "alice");
}

TEST_F(CredentialsRules, HostCcache_OfRoot_ServesByRule) {
    // The layout of AWS credentials-fetcher: <lease>/<account>/krb5cc, root's.
    const auto uid = unused_uid(6);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto folder = realm().folder() / "krbdir" / "lease1";
    for (const auto& [user, ticket] : {std::pair{"alice", &alice_}, {"bob", &bob_}}) {
        std::filesystem::create_directories(folder / user);
        must(write_file(folder / user / "krb5cc", ticket->ccache, 0600));
    }
    use_rules(
        fmt::format("[rules]\n ecs = {{\n kind = container\n host_ccache = {}/*/%{{username}}/krb5cc\n }}\n",
                    folder.parent_path().string()));
    expect_for(container, uid, "bob", "bob");
    expect_for(container, uid, "alice", "alice");
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "*"));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "nobody"));
    ASSERT_EQ(0, ::chown((folder / "bob" / "krb5cc").c_str(), uid, uid));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "bob"));
}

TEST_F(CredentialsRules, Cgroup_OfTheRequester_Decides) {
    const auto uid = unused_uid(14);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    use_rules("[rules]\n r = {\n cgroup = /no-such-group*\n deny = yes\n }\n");
    expect_for(container, uid, {}, "alice");
    use_rules("[rules]\n r = {\n cgroup = /*\n deny = yes\n }\n");
    EXPECT_EQ("EACCES", refusal_for(container, uid));
    use_rules("[rules]\n r = {\n container = ????????*\n deny = yes\n }\n");
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsRules, Deadline_OfTheRule_Holds) {
    const auto uid = unused_uid(7);
    const auto dead = must(DeadKdc::open());
    auto spec = spec_with_ticket(alice_, uid);
    spec.files[0].content = realm().krb5_conf_for_port(dead.port());
    const auto container = must(Container::start(spec));
    use_rules("[rules]\n quick = {\n deadline = 1s\n }\n");
    const auto answer = ask(fields_for(container.tid(), uid));
    EXPECT_EQ("ETIMEDOUT", refusal(answer));
    EXPECT_LT(answer.elapsed.count(), 3000);
}

TEST_F(CredentialsRules, Environment_SwitchedOff_IsNotLookedAt) {
    const auto uid = unused_uid(8);
    auto spec = spec_with_ticket(bob_, uid);
    spec.files.push_back(ccache_file(alice_, "/tmp/mine", uid));
    spec.environment = {"KRB5CCNAME=/tmp/mine"};
    const auto container = must(Container::start(spec));
    expect_for(container, uid, {}, "alice");
    use_rules("[defaults]\n environment = no\n");
    expect_for(container, uid, {}, "bob");
    use_rules("[defaults]\n sources = default\n");
    expect_for(container, uid, {}, "bob");
}

TEST_F(CredentialsRules, Target_MovesTheRequest) {
    const auto uid = unused_uid(9);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.upcall_target = "mount";
    EXPECT_NE(0, ask(fields).error);
    use_rules("[rules]\n r = {\n upcall_target = mount\n target = requester\n }\n");
    (void)expect_token(ask(fields), "alice");
    fields.upcall_target = "app";
    use_rules("[rules]\n r = {\n target = host\n }\n");
    EXPECT_NE(0, ask(fields).error);
}

TEST_F(CredentialsRules, Network_OfTheHost_ReachesTheKdc) {
    const auto uid = unused_uid(10);
    auto spec = spec_with_ticket(alice_, uid);
    spec.net_namespace = true;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("EHOSTUNREACH", refusal_for(container, uid));
    use_rules("[rules]\n r = {\n kind = container\n network = host\n }\n");
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsRules, HostFallback_ForAContainer_OnlyByRule) {
    const auto uid = unused_uid(11);
    const auto file = fmt::format("/tmp/krb5cc_{}", uid);
    must(remember_path(file));
    must(write_file(file, must(realm().ticket("alice", {.service_ahead = true})).ccache, 0600, uid, uid));
    const auto container = must(Container::start(bare_spec(uid)));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    use_rules("[rules]\n r = {\n host_fallback = yes\n }\n");
    expect_for(container, uid, {}, "alice");
    std::filesystem::remove(file);
    forget_path(file);
}

TEST_F(CredentialsRules, BrokenFile_IsTheDefaults_AndIsLogged) {
    const auto uid = unused_uid(12);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto grant =
        fmt::format("[rules]\n r = {{\n keytab = {}\n principal = alice\n", keytab("alice").string());
    use_rules(grant + " }\n");
    expect_for(container, uid, {}, "alice");
    for (const std::string broken : {" }\n }\n", " colour = red\n }\n"}) {
        use_rules(grant + broken);
        EXPECT_EQ("ENOKEY", refusal_for(container, uid)) << broken;
    }
    use_rules(grant + " }\n", 0666);
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    must(container.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}", uid), uid)));
    expect_for(container, uid, {}, "bob");
}

TEST_F(CredentialsRules, Service_Alias_IsAskedFor) {
    must(realm().add_service("cifs/alias.lab.test"));
    const auto uid = unused_uid(13);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    use_rules("[rules]\n r = {\n service = alias.%{username}.test\n service = cifs/alias.lab.test\n }\n");
    const auto accepted = expect_for(container, uid, {}, "alice");
    EXPECT_EQ("cifs/alias.lab.test@LAB.TEST", accepted.service);
    // A name of which only the first label counts, as private links have it.
    add_rule("ver=0x2;host=alias.privatelink.example;*", {"--test-type=cifs.spnego", "--config=" + config()});
    use_rules(
        "[rules]\n r = {\n host = *.privatelink.example\n service = cifs/%{label}.lab.test@LAB.TEST\n }\n");
    add_rule("ver=0x2;host=alias.privatelink.example;*", {"--test-type=cifs.spnego", "--config=" + config()});
    auto fields = fields_for(container.tid(), uid);
    fields.host = "alias.privatelink.example";
    EXPECT_EQ("cifs/alias.lab.test@LAB.TEST", expect_token(ask(fields), "alice").service);
}

}  // namespace
}  // namespace nsupcall::test
