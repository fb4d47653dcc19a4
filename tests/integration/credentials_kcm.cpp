/// @file
/// Tickets held by a real sssd-kcm that runs inside the container.

#include <fmt/format.h>

#include <thread>

#include "credentials_support.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

constexpr const char* kServer = "/usr/libexec/sssd/sssd_kcm";

class CredentialsKcm : public CredentialTest {
  protected:
    void SetUp() override {
        CredentialTest::SetUp();
        if (::access(kServer, X_OK) != 0) NSUPCALL_SKIP("sssd-kcm is not installed");
    }

    static ContainerSpec kcm_spec(std::uint32_t uid) {
        auto spec = bare_spec(uid);
        spec.files = {krb5_conf_file("    default_ccache_name = KCM:\n    kcm_socket = /tmp/kcm.socket\n")};
        return spec;
    }

    /// Starts the server in the container's mount (and user) namespace, as root there.
    static Daemon start_server(const Container& container, bool in_user_namespace) {
        const std::string script =
            "mount -t tmpfs tmpfs /var/lib/sss && mkdir -p /var/lib/sss/db /var/lib/sss/secrets &&"
            "mount -t tmpfs tmpfs /var/log && mkdir -p /var/log/sssd &&"
            "mkdir -p /etc/sssd; mount -t tmpfs tmpfs /etc/sssd && umask 077 && mkdir /etc/sssd/conf.d &&"
            "printf '[sssd]\\nservices =\\n[kcm]\\nsocket_path=/tmp/kcm.socket\\n' > /etc/sssd/sssd.conf &&"
            "/usr/sbin/sssd --genconf-section=kcm; umask 022;"
            "exec /usr/libexec/sssd/sssd_kcm --uid 0 --gid 0 --logger=stderr";
        std::vector<std::string> argv = {"nsenter", "-t", std::to_string(container.pid()), "-m"};
        if (in_user_namespace) argv.insert(argv.end(), {"-U", "-S", "0", "-G", "0"});
        argv.insert(argv.end(), {"bash", "-c", script});
        auto daemon =
            must(Daemon::start({.argv = argv, .log_file = (realm().folder() / "sssd_kcm.log").string()}));
        for (int i = 0; i < 1000; ++i) {
            if (must(container.run([] { return ::access("/tmp/kcm.socket", F_OK) == 0 ? 0 : 1; }, 0, 0)) == 0)
                return daemon;
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ADD_FAILURE() << must(read_file(realm().folder() / "sssd_kcm.log"));
        return daemon;
    }
};

TEST_F(CredentialsKcm, Default_IsUsed_AndKeepsTheServiceTicket) {
    const auto uid = unused_uid(1);
    const auto container = must(Container::start(kcm_spec(uid)));
    const auto server = start_server(container, false);
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    store(container, uid, alice_, "KCM:");
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(1, must(container.run([] { return count_service_tickets("KCM:"); }, uid, uid)));
    realm().stop_kdc();
    const auto answer = ask(fields_for(container.tid(), uid));
    must(realm().start_kdc());
    (void)expect_token(answer, "alice");
}

TEST_F(CredentialsKcm, Collection_UserDecides) {
    const auto uid = unused_uid(2);
    const auto container = must(Container::start(kcm_spec(uid)));
    const auto server = start_server(container, false);
    store(container, uid, alice_, fmt::format("KCM:{}:1", uid));
    store(container, uid, bob_, fmt::format("KCM:{}:2", uid), true);
    expect_for(container, uid, "alice", "alice");
    expect_for(container, uid, "bob", "bob");
}

TEST_F(CredentialsKcm, InAUserNamespace_TheServerSeesTheInsideUid) {
    const auto base = unused_uid(10);
    auto spec = kcm_spec(5);
    spec.user = UserNamespaceSpec::same({{0, base, 10}});
    const auto container = must(Container::start(spec));
    const auto server = start_server(container, true);
    store(container, 6, bob_, "KCM:6");
    store(container, 5, alice_, "KCM:5");
    expect_for(container, base + 5, {}, "alice");
    expect_for(container, base + 6, {}, "bob");
    EXPECT_EQ("ENOKEY", refusal_for(container, base + 7));
}

TEST_F(CredentialsKcm, NoServer_IsSaid) {
    const auto uid = unused_uid(3);
    const auto container = must(Container::start(kcm_spec(uid)));
    EXPECT_EQ("ENOKEY", refusal_for(container, uid));
    EXPECT_HOLDS(logged(fields_for(container.tid(), uid)), "default ccache KCM:");
}

}  // namespace
}  // namespace nsupcall::test
