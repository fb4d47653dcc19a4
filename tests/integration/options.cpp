/// @file
/// The command line of cifs.upcall, as request-key uses it and as a person does.

#include <fmt/format.h>

#include "support/process.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

constexpr int kUsage = 64;
constexpr const char* kTestType = "--test-type=cifs.spnego";

class Options : public UpcallTest {
  protected:
    static Finished run_helper(std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), NSUPCALL_HELPER_PATH);
        return must(run_program({.argv = std::move(arguments)}));
    }

    static ContainerSpec wrong_configuration(const Ticket& ticket) {
        auto spec = spec_with_ticket(ticket, unused_uid());
        spec.files[0].content = "[libdefaults]\n    default_realm = WRONG.TEST\n    dns_lookup_kdc = false\n";
        return spec;
    }
};

TEST_F(Options, Krb5Conf_OfTheHost_ReplacesTheContainers) {
    const auto container = must(Container::start(wrong_configuration(must(realm().ticket("alice")))));
    const auto fields = fields_for(container.tid(), unused_uid());
    EXPECT_NE(0, ask(fields).error);
    for (const auto& option : std::vector<std::vector<std::string>>{
             {"-k", realm().krb5_conf_path().string(), kTestType},
             {kTestType, "--krb5conf=" + realm().krb5_conf_path().string()}}) {
        use_options(option);
        (void)expect_token(ask(fields), "alice");
    }
}

TEST_F(Options, Krb5Conf_ThatIsMissing_IsRefused) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    use_options({"-k", (realm().folder() / "missing").string(), kTestType});
    EXPECT_NE(0, ask(fields_for(container.tid(), unused_uid())).error);
}

TEST_F(Options, Keytab_OfTheHost_ServesWhereThereIsNoCache) {
    const auto keytab = realm().folder() / "host.keytab";
    must(write_file(keytab, must(realm().keytab_of("alice"))));
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = unused_uid();
    spec.gid = unused_uid();
    spec.files = {krb5_conf_file()};
    const auto container = must(Container::start(spec));
    auto fields = fields_for(container.tid(), unused_uid());
    fields.user = "alice";
    EXPECT_EQ("ENOKEY", refusal(ask(fields)));
    use_options({"-K", keytab.string(), kTestType});
    (void)expect_token(ask(fields), "alice");
    use_options({"--keytab=" + keytab.string(), kTestType});
    (void)expect_token(ask(fields), "alice");
    fields.user = "bob";
    EXPECT_NE(0, ask(fields).error) << "the keytab has no key of bob's";
}

TEST_F(Options, Keytab_BesideACache_IsTheLastResort) {
    const auto keytab = realm().folder() / "host.keytab";
    must(write_file(keytab, must(realm().keytab_of("alice"))));
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("bob")), unused_uid())));
    use_options({"-K", keytab.string(), kTestType});
    (void)expect_token(ask(fields_for(container.tid(), unused_uid())), "bob");
}

TEST_F(Options, NoEnvProbe_IgnoresKrb5ccname) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("bob")), uid);
    spec.files.push_back(ccache_file(must(realm().ticket("alice")), "/tmp/elsewhere", uid));
    spec.environment = {"KRB5CCNAME=FILE:/tmp/elsewhere"};
    const auto container = must(Container::start(spec));
    const auto fields = fields_for(container.tid(), uid);
    (void)expect_token(ask(fields), "alice");
    for (const char* option : {"-E", "--no-env-probe"}) {
        use_options({option, kTestType});
        (void)expect_token(ask(fields), "bob");
    }
}

TEST_F(Options, LegacyUid_UsesUidInPlaceOfCreduid) {
    const auto uid = unused_uid(1);
    const auto creduid = unused_uid(2);
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.files.push_back(
        ccache_file(must(realm().ticket("bob")), fmt::format("/tmp/krb5cc_{}", creduid), creduid));
    const auto container = must(Container::start(spec));
    auto fields = fields_for(container.tid(), creduid);
    fields.uid = uid;
    (void)expect_token(ask(fields), "bob");
    for (const char* option : {"-l", "--legacy-uid"}) {
        use_options({option, kTestType});
        (void)expect_token(ask(fields), "alice");
    }
}

TEST_F(Options, Harmless_AreAccepted) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    for (const auto& option : std::vector<std::vector<std::string>>{{"-c"},
                                                                    {"-d"},
                                                                    {"--debug"},
                                                                    {"-e", "300"},
                                                                    {"--expire=300"},
                                                                    {"--krb5"},
                                                                    {"-t"},
                                                                    {"--trust-dns"},
                                                                    {"-cdtE"}}) {
        SCOPED_TRACE(option[0]);
        auto all = option;
        all.emplace_back(kTestType);
        use_options(all);
        (void)expect_token(ask(fields_for(container.tid(), unused_uid())), "alice");
    }
}

TEST_F(Options, Wrong_RejectTheKeyWithEinval) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    for (const auto& option : std::vector<std::vector<std::string>>{{"--no-such-option"},
                                                                    {"-x"},
                                                                    {"-e", "soon"},
                                                                    {"-e", "0"},
                                                                    {"--expire=-1"},
                                                                    {"--test-type=keyring"},
                                                                    {"--thread-keyring=abc"},
                                                                    {"--debug=1"},
                                                                    {"extra"}}) {
        SCOPED_TRACE(option[0]);
        auto all = option;
        all.emplace_back(kTestType);
        use_options(all);
        const auto answer = ask(fields_for(container.tid(), unused_uid()));
        EXPECT_EQ("EINVAL", refusal(answer));
        EXPECT_LT(answer.elapsed.count(), 2000);
    }
}

TEST_F(Options, WithoutTestType_AUserKeyIsRefused) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    use_options({"-d"});
    EXPECT_EQ("EINVAL", refusal(ask(fields_for(container.tid(), unused_uid()))));
}

TEST_F(Options, Usage_WrongByHand_Is64AndSaysSo) {
    for (const auto& arguments : std::vector<std::vector<std::string>>{{},
                                                                       {"-x"},
                                                                       {"abc"},
                                                                       {"0"},
                                                                       {"-1"},
                                                                       {"99999999999999999999"},
                                                                       {"1", "2"},
                                                                       {"12x"},
                                                                       {"-k"},
                                                                       {""}}) {
        SCOPED_TRACE(arguments.empty() ? "nothing" : arguments[0]);
        const auto finished = run_helper(arguments);
        EXPECT_EQ(kUsage, finished.exit_code);
        EXPECT_NE(std::string::npos, finished.output.find("cifs.upcall")) << finished.output;
        EXPECT_NE(std::string::npos, finished.output.find("Usage:")) << finished.output;
    }
}

TEST_F(Options, HelpAndVersion_ExitZero) {
    for (const char* option : {"-h", "--help"}) {
        const auto finished = run_helper({option});
        EXPECT_EQ(0, finished.exit_code);
        for (const char* named :
             {"--trust-dns", "--legacy-uid", "--krb5conf", "--keytab", "--no-env-probe", "--expire",
              "--debug", "--version", "--help", "--krb5 ", "--thread-keyring", "--test-type"}) {
            EXPECT_NE(std::string::npos, finished.output.find(named)) << named;
        }
    }
    for (const char* option : {"-v", "--version"}) {
        const auto finished = run_helper({option});
        EXPECT_EQ(0, finished.exit_code);
        EXPECT_NE(std::string::npos, finished.output.find(NSUPCALL_VERSION)) << finished.output;
    }
}

TEST_F(Options, Key_ThatIsNotUnderConstruction_IsNoCrash) {
    // Run by hand on a key that does not exist: nothing to answer, and no success claimed.
    const auto finished = run_helper({kTestType, "1"});
    EXPECT_NE(0, finished.exit_code);
    EXPECT_LT(finished.exit_code, 128) << "killed by a signal";
}

}  // namespace
}  // namespace nsupcall::test
