/// @file
/// Well-known places, keytabs of the namespace, and the names of services.

#include <fmt/format.h>

#include "credentials_support.hpp"
#include "support/neg_token.hpp"

namespace nsupcall::test {
namespace {

class CredentialsPlaces : public CredentialTest {
  protected:
    /// A container with nothing of the host's files.
    static ContainerSpec empty_spec(std::uint32_t uid) {
        auto spec = bare_spec(uid);
        spec.root = RootKind::scratch;
        return spec;
    }
    static ContainerFile keytab_file(std::string_view user, std::string path, std::uint32_t uid) {
        return {.path = std::move(path),
                .content = must(realm().keytab_of(user)),
                .mode = 0600,
                .uid = uid,
                .gid = uid};
    }
};

TEST_F(CredentialsPlaces, Tmp_RandomSuffix_IsFound_AndOthersFilesAreNot) {
    const auto uid = unused_uid(1), other = unused_uid(2);
    auto spec = bare_spec(uid);
    spec.files.push_back(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}_planted", uid), other));
    spec.files.back().mode = 0644;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("EACCES", refusal_for(container, uid));
    EXPECT_HOLDS(logged(fields_for(container.tid(), uid)), "not owned by the user");
    must(container.add_file(ccache_file(alice_, fmt::format("/tmp/krb5cc_{}_Xy12z", uid), uid)));
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsPlaces, Expired_IsNamedAndSkipped_ForAValidOneFurtherOn) {
    const auto uid = unused_uid(3);
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().expired_ticket("alice")), uid)));
    EXPECT_EQ("EKEYEXPIRED", refusal_for(container, uid));
    must(container.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}_later", uid), uid)));
    expect_for(container, uid, {}, "bob");
    const auto said = logged(fields_for(container.tid(), uid));
    EXPECT_HOLDS(said, "(expired");
    EXPECT_HOLDS(said, fmt::format("/tmp FILE:/tmp/krb5cc_{}_later (used", uid));
}

TEST_F(CredentialsPlaces, OfSeveralValid_TheLatestToExpireIsUsed) {
    const auto uid = unused_uid(4);
    const auto container = must(Container::start(bare_spec(uid)));
    const auto brief = must(realm().ticket("alice", {.lifetime = std::chrono::seconds(600)}));
    must(container.add_file(ccache_file(brief, fmt::format("/tmp/krb5cc_{}_a", uid), uid)));
    must(container.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}_b", uid), uid)));
    expect_for(container, uid, {}, "bob");
    expect_for(container, uid, "alice", "alice");
}

TEST_F(CredentialsPlaces, RunUser_FileAndFolder_AreFound) {
    for (const char* path : {"krb5cc", "krb5cc/tkt"}) {
        SCOPED_TRACE(path);
        const auto uid = unused_uid(5);
        auto spec = empty_spec(uid);
        spec.files.push_back(ccache_file(alice_, fmt::format("/run/user/{}/{}", uid, path), uid));
        if (std::string(path) != "krb5cc")
            spec.files.push_back({.path = fmt::format("/run/user/{}/krb5cc/primary", uid),
                                  .content = "tkt\n",
                                  .mode = 0600,
                                  .uid = uid,
                                  .gid = uid});
        const auto container = must(Container::start(spec));
        expect_for(container, uid, {}, "alice");
    }
}

TEST_F(CredentialsPlaces, CsiDriver_SeveralVolumes_UserDecides) {
    // krb5cc_<cruid> leads to the volume that was mounted last; the others' files lie beside it.
    const auto uid = unused_uid(6), other = unused_uid(7);
    const std::string folder = "/var/lib/kubelet/kerberos/";
    auto spec = empty_spec(uid);
    spec.files.push_back(ccache_file(alice_, folder + "dm9sLWE", uid));
    spec.files.push_back(ccache_file(bob_, folder + "dm9sLWI", uid));
    spec.files.push_back(ccache_file(bob_, folder + "dm9sLW8", other));
    const auto container = must(Container::start(spec));
    const auto link = folder + "krb5cc_" + std::to_string(uid);
    for (const auto& [target, user] : {std::pair{"dm9sLWE", "alice"}, {"dm9sLWI", "bob"}}) {
        ASSERT_EQ(0, must(container.run(
                         [&] {
                             (void)::unlink(link.c_str());
                             return ::symlink(target, link.c_str()) == 0 ? 0 : 1;
                         },
                         0, 0)));
        expect_for(container, uid, "alice", "alice");
        expect_for(container, uid, "bob", "bob");
        (void)user;
    }
    expect_for(container, other, {}, "bob");
    EXPECT_EQ("ENOKEY", refusal_for(container, other, realm().principal("alice")));
}

TEST_F(CredentialsPlaces, WritableCache_KeepsTheServiceTicket) {
    const auto uid = unused_uid(8);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto name = fmt::format("FILE:/tmp/krb5cc_{}", uid);
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(1, must(container.run([&] { return count_service_tickets(name); }, uid, uid)));
    realm().stop_kdc();
    const auto answer = ask(fields_for(container.tid(), uid));
    must(realm().start_kdc());
    (void)expect_token(answer, "alice");
}

TEST_F(CredentialsPlaces, ClientKeytab_OfTheEnvironmentOrTheDefault_Serves) {
    const auto uid = unused_uid(9);
    for (const bool environment : {true, false}) {
        SCOPED_TRACE(environment);
        auto spec = bare_spec(uid);
        spec.files.push_back(keytab_file("alice", "/tmp/client.keytab", uid));
        if (environment)
            spec.environment = {"KRB5_CLIENT_KTNAME=/tmp/client.keytab"};
        else
            spec.files[0] = krb5_conf_file("    default_client_keytab_name = FILE:/tmp/client.keytab\n");
        const auto container = must(Container::start(spec));
        expect_for(container, uid, "root", "alice");
        expect_for(container, uid, realm().principal("alice"), "alice");
        EXPECT_EQ("ENOKEY", refusal_for(container, uid, realm().principal("bob")));
    }
}

TEST_F(CredentialsPlaces, ServerKeytab_ServesOnlyWhomItIsAskedFor) {
    const auto uid = unused_uid(10);
    for (const bool environment : {true, false}) {
        SCOPED_TRACE(environment);
        auto spec = bare_spec(uid);
        spec.files.push_back(keytab_file("alice", "/tmp/server.keytab", uid));
        if (environment)
            spec.environment = {"KRB5_KTNAME=FILE:/tmp/server.keytab"};
        else
            spec.files[0] = krb5_conf_file("    default_keytab_name = FILE:/tmp/server.keytab\n");
        const auto container = must(Container::start(spec));
        EXPECT_EQ("ENOKEY", refusal_for(container, uid, "root"));
        expect_for(container, uid, "alice", "alice");
    }
}

TEST_F(CredentialsPlaces, Keytab_OfAnotherUser_IsNotUsed) {
    const auto uid = unused_uid(11), other = unused_uid(12);
    auto spec = bare_spec(uid);
    auto file = keytab_file("alice", "/tmp/client.keytab", other);
    file.mode = 0644;
    spec.files.push_back(file);
    spec.environment = {"KRB5_CLIENT_KTNAME=/tmp/client.keytab"};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("EACCES", refusal_for(container, uid));
}

/// Host names of one label, which no other test run uses.
class CredentialsNames : public CredentialsPlaces {
  protected:
    std::string short_name() {
        static int number = 0;
        return fmt::format("s{}x{}", ::getpid(), ++number);
    }
    static ContainerSpec named_spec(std::uint32_t uid, const std::string& hosts) {
        auto spec = spec_with_ticket(alice_, uid);
        spec.files.push_back({.path = "/etc/hosts", .content = hosts});
        spec.files.push_back({.path = "/etc/nsswitch.conf", .content = "hosts: files\n"});
        return spec;
    }
    KeyAnswer ask_for_host(const Container& container, std::uint32_t uid, const std::string& name,
                           std::vector<std::string> options = {}, const std::string& address = {}) {
        options.insert(options.begin(), "--test-type=cifs.spnego");
        add_rule(RequestRule::pattern_for(name), options);
        auto fields = fields_for(container.tid(), uid);
        fields.host = name;
        if (!address.empty()) fields.address = address;
        return ask(fields);
    }
};

TEST_F(CredentialsNames, Unqualified_IsCompletedByTheResolversCanonicalName) {
    const auto uid = unused_uid(20);
    const auto name = short_name();
    must(realm().add_service(fmt::format("cifs/{}.branch.lab.test", name)));
    const auto container =
        must(Container::start(named_spec(uid, fmt::format("127.0.0.1 {0}.branch.lab.test {0}\n", name))));
    const auto accepted = expect_token(ask_for_host(container, uid, name), "alice");
    EXPECT_EQ(fmt::format("cifs/{}.branch.lab.test@LAB.TEST", name), accepted.service);
}

TEST_F(CredentialsNames, Unqualified_IsCompletedByTheRealmsDomain) {
    const auto uid = unused_uid(21);
    const auto name = short_name();
    must(realm().add_service(fmt::format("cifs/{}.lab.test", name)));
    const auto container = must(Container::start(named_spec(uid, "")));
    const auto accepted = expect_token(ask_for_host(container, uid, name), "alice");
    EXPECT_EQ(fmt::format("cifs/{}.lab.test@LAB.TEST", name), accepted.service);
}

TEST_F(CredentialsNames, Unqualified_ResolvedToAnotherHost_IsNotFollowed) {
    const auto uid = unused_uid(22);
    const auto name = short_name();
    must(realm().add_service(fmt::format("cifs/evil{}.lab.test", name)));
    const auto container =
        must(Container::start(named_spec(uid, fmt::format("127.0.0.1 evil{0}.lab.test {0}\n", name))));
    EXPECT_EQ("EKEYREJECTED", refusal(ask_for_host(container, uid, name)));
}

TEST_F(CredentialsNames, TrustDns_ReversesIpv6WithoutColons) {
    const auto uid = unused_uid(23);
    const auto name = short_name();
    const auto real = fmt::format("rev{}.lab.test", name);
    must(realm().add_service("cifs/" + real));
    const auto container = must(Container::start(named_spec(uid, "2001:db8::7 " + real + "\n")));
    const std::string address = "ip6=20010db8000000000000000000000007";
    const auto host = name + ".lab.test";
    EXPECT_EQ("EKEYREJECTED", refusal(ask_for_host(container, uid, host, {}, address)));
    const auto other = name + "b.lab.test";
    EXPECT_EQ("cifs/" + real + "@LAB.TEST",
              expect_token(ask_for_host(container, uid, other, {"-t"}, address), "alice").service);
}

TEST_F(CredentialsNames, SecondRealm_ByDomainRealmAndByReferral_IsReached) {
    auto second = must(Realm::start({.name = "OTHER.TEST"}));
    const auto& server = second.service_host();
    // Trust: the same key on both sides.
    for (const Realm* one : {&realm(), &second})
        must(run_checked({.argv = {"kadmin.local", "-r", one->name(), "addprinc", "-pw", "of-both-sides",
                                   "krbtgt/OTHER.TEST@LAB.TEST"},
                          .environment = {"KRB5_CONFIG=" + one->krb5_conf_path().string(),
                                          "KRB5_KDC_PROFILE=" + (one->folder() / "kdc.conf").string()}}));
    const auto both = [&](bool mapped) {
        auto text = realm().krb5_conf();
        text.insert(
            text.find("[realms]\n") + 9,
            fmt::format("    OTHER.TEST = {{\n        kdc = 127.0.0.1:{}\n    }}\n", second.kdc_port()));
        text.resize(text.find("[domain_realm]"));
        if (mapped) text += fmt::format("[domain_realm]\n    {} = OTHER.TEST\n", server);
        return text;
    };
    // The client's KDC knows whose the server is.
    must(write_file(realm().krb5_conf_path(), both(true), 0644));
    realm().stop_kdc();
    must(realm().start_kdc());
    add_rule(RequestRule::pattern_for(server));
    for (const bool mapped : {true, false}) {
        SCOPED_TRACE(mapped);
        const auto uid = unused_uid(24 + (mapped ? 1 : 0));
        auto spec = spec_with_ticket(alice_, uid);
        spec.files[0].content = both(mapped);
        const auto container = must(Container::start(spec));
        auto fields = fields_for(container.tid(), uid);
        fields.host = server;
        const auto answer = ask(fields);
        ASSERT_EQ("0", answer.error == 0 ? "0" : refusal(answer));
        const auto payload = must(parse_payload(answer.payload));
        const auto accepted =
            must(accept_token(payload.blob, second.service_keytab(), second.krb5_conf_path()));
        EXPECT_EQ("alice@LAB.TEST", accepted.client);
        EXPECT_EQ("cifs/" + server + "@OTHER.TEST", accepted.service);
        EXPECT_EQ(accepted.session_key, payload.session_key);
    }
    must(write_file(realm().krb5_conf_path(), realm().krb5_conf(), 0644));
    realm().stop_kdc();
    must(realm().start_kdc());
}

TEST_F(CredentialsNames, Iakerb_IsEinval_AndSaysWhatToDo) {
    const auto uid = unused_uid(30);
    const auto container = must(Container::start(spec_with_ticket(alice_, uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.sec = "iakerb";
    EXPECT_EQ("EINVAL", refusal(ask(fields)));
    EXPECT_HOLDS(logged(fields), "mount with sec=krb5");
}

}  // namespace
}  // namespace nsupcall::test
