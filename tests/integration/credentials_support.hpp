#pragma once
/// @file
/// What the tests of credential sources share.

#include <krb5.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "support/upcall_test.hpp"

namespace nsupcall::test {

/// Copies the FILE ccache `from` into the ccache `to` of any type, by libkrb5 as the user's own kinit would.
/// For Container::run(). @return 0, or the line that failed as an exit status
inline int copy_ccache(const std::string& from, const std::string& to, bool make_primary) {
    krb5_context context = nullptr;
    // The acceptor of this process has left its own there.
    (void)::setenv("KRB5_CONFIG", "/etc/krb5.conf", 1);
    if (krb5_init_context(&context) != 0) return 1;
    krb5_ccache source = nullptr, target = nullptr;
    krb5_principal principal = nullptr;
    if (krb5_cc_resolve(context, ("FILE:" + from).c_str(), &source) != 0) return 2;
    if (krb5_cc_get_principal(context, source, &principal) != 0) return 3;
    if (krb5_cc_set_default_name(context, to.c_str()) != 0) return 4;
    if (krb5_cc_resolve(context, to.c_str(), &target) != 0) return 5;
    if (krb5_cc_initialize(context, target, principal) != 0) return 6;
    if (krb5_cc_copy_creds(context, source, target) != 0) return 7;
    if (make_primary && krb5_cc_switch(context, target) != 0) return 8;
    return 0;
}

/// How many tickets for a service a ccache of any type holds. For Container::run().
/// @return the count, or 200 and above for a failure
inline int count_service_tickets(const std::string& name) {
    krb5_context context = nullptr;
    krb5_ccache ccache = nullptr;
    krb5_cc_cursor cursor = nullptr;
    (void)::setenv("KRB5_CONFIG", "/etc/krb5.conf", 1);
    if (krb5_init_context(&context) != 0) return 200;
    if (krb5_cc_resolve(context, name.c_str(), &ccache) != 0) return 201;
    if (krb5_cc_start_seq_get(context, ccache, &cursor) != 0) return 202;
    int count = 0;
    for (krb5_creds ticket = {}; krb5_cc_next_cred(context, ccache, &cursor, &ticket) == 0;)
        if (krb5_is_config_principal(context, ticket.server) == 0 && ticket.server->length == 2 &&
            std::string(ticket.server->data[0].data, ticket.server->data[0].length) == "cifs")
            ++count;
    return count;
}

inline testing::AssertionResult holds(const std::string& text, const std::string& part) {
    if (text.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "no \"" << part << "\" in: " << text;
}

/// EXPECT that `text` holds `part`. Each is evaluated once.
#define EXPECT_HOLDS(text, part) EXPECT_TRUE(holds(text, part))

/// The fixture: alice and bob with tickets, containers whose tickets are put in afterwards.
class CredentialTest : public UpcallTest {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
        bob_ = must(realm().ticket("bob"));
    }

    /// A container whose user `uid` has no ticket anywhere; `ccache` becomes its default name.
    static ContainerSpec bare_spec(std::uint32_t uid, const std::string& ccache = {}) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.uid = uid;
        spec.gid = uid;
        spec.files = {
            krb5_conf_file(ccache.empty() ? std::string() : "    default_ccache_name = " + ccache + "\n")};
        return spec;
    }

    /// Puts a ticket into a ccache of any type, as user `uid` inside.
    static void store(const Container& container, std::uint32_t uid, const Ticket& ticket,
                      const std::string& name, bool primary = false) {
        must(container.add_file(
            {.path = "/tmp/.brought", .content = ticket.ccache, .mode = 0600, .uid = uid}));
        ASSERT_EQ(0,
                  must(container.run([&] { return copy_ccache("/tmp/.brought", name, primary); }, uid, uid)));
        ASSERT_EQ(0, must(container.run([] { return ::unlink("/tmp/.brought"); }, 0, 0)));
    }

    /// What `user` is served with, asking with username=`wanted`.
    AcceptedToken expect_for(const Container& container, std::uint32_t host_uid,
                             const std::optional<std::string>& wanted, std::string_view client) {
        auto fields = fields_for(container.tid(), host_uid);
        fields.user = wanted;
        return expect_token(ask(fields), client);
    }
    std::string refusal_for(const Container& container, std::uint32_t host_uid,
                            const std::optional<std::string>& wanted = {}) {
        auto fields = fields_for(container.tid(), host_uid);
        fields.user = wanted;
        return refusal(ask(fields));
    }

    /// The configuration file of use_rules().
    [[nodiscard]] static std::string config() { return (realm().folder() / "nsupcall.conf").string(); }

    /// Makes the helper use this configuration.
    void use_rules(const std::string& text, mode_t mode = 0644) {
        must(write_file(config(), text, mode));
        use_options({"--test-type=cifs.spnego", "--config=" + config()});
    }

    /// Asks with these options of the helper, and returns what it logged: the verdict of every candidate.
    std::string logged(UpcallFields fields, std::vector<std::string> options = {}) {
        const auto path = realm().folder() / "log";
        std::filesystem::remove(path);
        const nsutil::UniqueFd sink(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.string().copy(address.sun_path, sizeof address.sun_path - 1);
        EXPECT_EQ(0, ::bind(sink.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        std::vector<std::string> arguments = {path.string(), "syslog", NSUPCALL_HELPER_PATH,
                                              "--test-type=cifs.spnego"};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.emplace_back("%k");
        const auto rule =
            must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.9;*",
                                       .program = NSUPCALL_PRIVATE_LOG_PATH,
                                       .arguments = std::move(arguments)}));
        fields.address = "ip4=127.0.0.9";
        (void)ask(fields);
        constexpr int kPatienceMs = 2000;
        pollfd waiting{sink.get(), POLLIN, 0};
        if (::poll(&waiting, 1, kPatienceMs) <= 0) return "(nothing was logged)";
        std::string text(65536, '\0');
        const ssize_t size = ::recv(sink.get(), text.data(), text.size(), 0);
        text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
        return text;
    }

    inline static Ticket alice_;
    inline static Ticket bob_;
};

}  // namespace nsupcall::test
