/// @file
/// Tickets in the kernel's keyrings.

#include <fmt/format.h>
#include <keyutils.h>

#include "credentials_support.hpp"

namespace nsupcall::test {
namespace {

class CredentialsKeyring : public CredentialTest {};

TEST_F(CredentialsKeyring, Persistent_AsTheDefault_IsUsed) {
    const auto uid = unused_uid(1);
    const auto container = must(Container::start(bare_spec(uid, "KEYRING:persistent:%{uid}")));
    store(container, uid, alice_, fmt::format("KEYRING:persistent:{}", uid));
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsKeyring, Persistent_KeepsTheServiceTicket) {
    const auto uid = unused_uid(2);
    const auto name = fmt::format("KEYRING:persistent:{}", uid);
    const auto container = must(Container::start(bare_spec(uid, "KEYRING:persistent:%{uid}")));
    store(container, uid, alice_, name);
    expect_for(container, uid, {}, "alice");
    EXPECT_EQ(1, must(container.run([&] { return count_service_tickets(name); }, uid, uid)));
    realm().stop_kdc();
    const auto answer = ask(fields_for(container.tid(), uid));
    must(realm().start_kdc());
    (void)expect_token(answer, "alice");
}

TEST_F(CredentialsKeyring, Persistent_InAUserNamespace_IsThatNamespacesOwn) {
    const auto base = unused_uid(10);
    // The same user of the host has another keyring by the same name in the host's user namespace.
    const auto outside = must(Container::start(bare_spec(base + 5, "KEYRING:persistent:%{uid}")));
    store(outside, base + 5, bob_, fmt::format("KEYRING:persistent:{}", base + 5));
    auto spec = bare_spec(5, "KEYRING:persistent:%{uid}");
    spec.user = UserNamespaceSpec::same({{0, base, 10}});
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal_for(container, base + 5));
    store(container, 5, alice_, "KEYRING:persistent:5");
    expect_for(container, base + 5, {}, "alice");
    expect_for(outside, base + 5, {}, "bob");
}

TEST_F(CredentialsKeyring, Persistent_OfSeveral_UserDecides) {
    const auto uid = unused_uid(20);
    const auto container = must(Container::start(bare_spec(uid, "KEYRING:persistent:%{uid}")));
    store(container, uid, alice_, fmt::format("KEYRING:persistent:{}:one", uid));
    store(container, uid, bob_, fmt::format("KEYRING:persistent:{}:two", uid), true);
    expect_for(container, uid, "alice", "alice");
    expect_for(container, uid, "bob", "bob");
    expect_for(container, uid, realm().principal("alice"), "alice");
    EXPECT_EQ("ENOKEY", refusal_for(container, uid, "alice@OTHER.TEST"));
}

TEST_F(CredentialsKeyring, Persistent_OfAnotherUser_IsRefused) {
    const auto uid = unused_uid(21), other = unused_uid(22);
    auto spec = bare_spec(uid);
    spec.environment = {fmt::format("KRB5CCNAME=KEYRING:persistent:{}", other)};
    const auto container = must(Container::start(spec));
    store(container, other, bob_, fmt::format("KEYRING:persistent:{}", other));
    EXPECT_EQ("EACCES", refusal_for(container, uid));
}

TEST_F(CredentialsKeyring, UserKeyring_InTheEnvironment_IsUsed) {
    const auto uid = unused_uid(23);
    auto spec = bare_spec(uid);
    spec.environment = {"KRB5CCNAME=KEYRING:user:mine"};
    const auto container = must(Container::start(spec));
    store(container, uid, alice_, "KEYRING:user:mine");
    expect_for(container, uid, {}, "alice");
}

TEST_F(CredentialsKeyring, SessionProcessThread_AreRefusedAndTheDefaultServes) {
    const auto uid = unused_uid(24);
    for (const char* kind : {"session", "process", "thread"}) {
        SCOPED_TRACE(kind);
        auto spec = bare_spec(uid);
        spec.environment = {fmt::format("KRB5CCNAME=KEYRING:{}:mine", kind)};
        const auto container = must(Container::start(spec));
        EXPECT_EQ("ENOKEY", refusal_for(container, uid));
        const auto said = logged(fields_for(container.tid(), uid));
        EXPECT_HOLDS(said, fmt::format("KRB5CCNAME KEYRING:{}:mine (unsupported: a {} keyring", kind, kind));
        must(container.add_file(ccache_file(alice_, fmt::format("/tmp/krb5cc_{}", uid), uid)));
        expect_for(container, uid, {}, "alice");
    }
}

}  // namespace
}  // namespace nsupcall::test
