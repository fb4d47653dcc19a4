/// @file
/// The rule `target = mounter`: upcall_target=mount means where the mount was made, not the host.

#include "integration/session_support.hpp"

namespace nsupcall::test {
namespace {

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

class SessionMounter : public SessionTest {
  protected:
    void SetUp() override {
        SessionTest::SetUp();
        use_rule("mounter");
        alice_ = must(realm().ticket("alice"));
        bob_ = must(realm().ticket("bob"));
    }
    void use_rule(const std::string& target) {
        const auto config = folder() / "nsupcall.conf";
        must(write_file(config, "[rules]\n 10 = {\n upcall_target = mount\n target = " + target + "\n }\n"));
        remember_in(records(), {"--config=" + config.string()});
    }
    static UpcallFields at_mount(UpcallFields fields) {
        fields.upcall_target = "mount";
        return fields;
    }

    Ticket alice_, bob_;
};

TEST_F(SessionMounter, UserOfAnotherContainer_IsAnsweredWhereTheMountWasMade) {
    const auto uid = unused_uid();
    const auto mounter = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto user = must(Container::start(spec_with_ticket(bob_, uid)));
    // Mounting: nobody is known yet, so who mounts is meant.
    (void)expect_token(ask(at_mount(use(mounter, uid))), "alice");
    (void)expect_token(ask(at_mount(use(user, uid))), "alice");
    EXPECT_TRUE(has(logged(), "(session record)"));
    // A mount without that option is each container's own affair.
    (void)expect_token(ask(use(user, uid)), "bob");
}

TEST_F(SessionMounter, AnotherUserOfTheMount_GetsTheTicketThatLiesThere) {
    const auto first = unused_uid(), second = unused_uid(1);
    auto spec = spec_with_ticket(alice_, first);
    spec.files.push_back(ccache_file(bob_, fmt::format("/tmp/krb5cc_{}", second), second));
    const auto mounter = must(Container::start(spec));
    const auto user = must(Container::start(spec_with_ticket(alice_, second)));
    (void)expect_token(ask(at_mount(use(mounter, first))), "alice");
    (void)expect_token(ask(at_mount(use(user, second))), "bob");
}

TEST_F(SessionMounter, InAUserNamespace_IsAnswered) {
    const auto base = unused_uid();
    auto spec = spec_with_ticket(alice_, 5);
    spec.user = UserNamespaceSpec::same({{0, base, 10}});
    const auto mounter = must(Container::start(spec));
    const auto user = must(Container::start(spec_with_ticket(bob_, base + 5)));
    (void)expect_token(ask(at_mount(use(mounter, base + 5))), "alice");
    (void)expect_token(ask(at_mount(use(user, base + 5))), "alice");
}

TEST_F(SessionMounter, TwoThatMounted_AreToldApartByTheirUsernames_OrRefused) {
    const auto uid = unused_uid();
    const auto one = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto two = must(Container::start(spec_with_ticket(bob_, uid)));
    const auto user = must(Container::start(spec_with_ticket(bob_, uid)));
    (void)expect_token(ask(at_mount(use(one, uid, "alice"))), "alice");
    (void)expect_token(ask(at_mount(use(two, uid, "bob"))), "bob");
    (void)expect_token(ask(at_mount(use(user, uid, "alice"))), "alice");
    (void)expect_token(ask(at_mount(use(user, uid, "bob"))), "bob");
    // Records of both with one name are made under another rule.
    use_rule("requester");
    (void)expect_token(ask(at_mount(use(one, uid))), "alice");
    (void)expect_token(ask(at_mount(use(two, uid))), "bob");
    use_rule("mounter");
    (void)logged();
    EXPECT_EQ("ENOKEY", refusal(ask(at_mount(use(user, uid)))));
    EXPECT_TRUE(has(logged(), "sessions of 2 mount namespaces fit"));
}

TEST_F(SessionMounter, WithoutTheRule_ItIsTheHosts) {
    const auto uid = unused_uid();
    const auto mounter = must(Container::start(spec_with_ticket(alice_, uid)));
    const auto user = must(Container::start(spec_with_ticket(bob_, uid)));
    (void)expect_token(ask(at_mount(use(mounter, uid))), "alice");
    remember_in(records());
    (void)logged();
    EXPECT_NE(0, ask(at_mount(use(user, uid))).error);
    EXPECT_TRUE(has(logged(), "namespaces of the host"));
}

}  // namespace
}  // namespace nsupcall::test
