/// @file
/// Tokens made by a real gssproxy that holds the keytab.

#include <fmt/format.h>

#include <thread>

#include "credentials_support.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

constexpr const char* kSocket = "/var/lib/gssproxy/default.sock";

class CredentialsGssproxy : public CredentialTest {
  protected:
    void SetUp() override {
        CredentialTest::SetUp();
        if (::access("/usr/sbin/gssproxy", X_OK) != 0) NSUPCALL_SKIP("gssproxy is not installed");
    }

    /// A container that shows the socket of a daemon, which alone can read alice's keytab.
    static ContainerSpec proxied_spec(std::uint32_t uid) {
        auto spec = bare_spec(uid);
        spec.files.push_back(
            {.path = "/tmp/gss/alice.keytab", .content = must(realm().keytab_of("alice")), .mode = 0600});
        spec.files.push_back({.path = "/tmp/gss/gssproxy.conf",
                              .content = fmt::format("[gssproxy]\n[service/cifs]\n  mechs = krb5\n"
                                                     "  cred_store = client_keytab:/tmp/gss/alice.keytab\n"
                                                     "  cred_store = ccache:FILE:/tmp/gss/ccache\n"
                                                     "  cred_usage = initiate\n  euid = {}\n",
                                                     uid),
                              .mode = 0600});
        return spec;
    }
    static Daemon start_daemon(const Container& container) {
        const auto log = (realm().folder() / "gssproxy.log").string();
        auto daemon = must(Daemon::start(
            {.argv = {"nsenter", "-t", std::to_string(container.pid()), "-m", "bash", "-c",
                      "mount -t tmpfs tmpfs /var/lib/gssproxy && mkdir /var/lib/gssproxy/clients "
                      "/var/lib/gssproxy/rcache && exec gssproxy -i -d -c /tmp/gss/gssproxy.conf"},
             .log_file = log}));
        for (int i = 0; i < 1000; ++i) {
            if (must(container.run([] { return ::access(kSocket, F_OK) == 0 ? 0 : 1; }, 0, 0)) == 0)
                return daemon;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ADD_FAILURE() << must(read_file(log));
        return daemon;
    }
};

TEST_F(CredentialsGssproxy, ByRule_MakesTheToken) {
    const auto uid = unused_uid(1);
    const auto container = must(Container::start(proxied_spec(uid)));
    const auto daemon = start_daemon(container);
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    use_rules("[rules]\n gp = {\n kind = container\n gssproxy = yes\n }\n");
    expect_for(container, uid, {}, "alice");
    expect_for(container, uid, realm().principal("alice"), "alice");
    EXPECT_NE("0", refusal_for(container, uid, realm().principal("bob")));
    EXPECT_HOLDS(logged(fields_for(container.tid(), uid), {"--config=" + config()}),
                 "gssproxy (used, alice@LAB.TEST");
    // A ticket of its own comes first.
    must(container.add_file(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}", uid), uid)));
    expect_for(container, uid, {}, "bob");
}

TEST_F(CredentialsGssproxy, OnRequest_OnlyWithTheEnvironment) {
    for (const bool wanted : {false, true}) {
        SCOPED_TRACE(wanted);
        const auto uid = unused_uid(2);
        auto spec = proxied_spec(uid);
        if (wanted) spec.environment = {"GSS_USE_PROXY=yes"};
        const auto container = must(Container::start(spec));
        const auto daemon = start_daemon(container);
        use_options({"--test-type=cifs.spnego"});
        EXPECT_EQ("ENOKEY", refusal_for(container, uid));
        use_rules("[defaults]\n gssproxy = on-request\n");
        if (wanted)
            expect_for(container, uid, {}, "alice");
        else
            EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    }
}

TEST_F(CredentialsGssproxy, NoDaemon_IsEnokey) {
    const auto uid = unused_uid(3);
    const auto container = must(Container::start(bare_spec(uid)));
    use_rules("[defaults]\n gssproxy = yes\n");
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
}

}  // namespace
}  // namespace nsupcall::test
