/// @file
/// The realm of the tests: its tickets, its keytab, and the acceptor that judges tokens.

#include <gssapi/gssapi.h>
#include <gssapi/gssapi_ext.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/dead_kdc.hpp"
#include "support/must.hpp"
#include "support/neg_token.hpp"
#include "support/network.hpp"
#include "support/realm.hpp"
#include "support/skip.hpp"
#include "support/token_check.hpp"

namespace nsupcall::test {
namespace {

class SupportRealm : public testing::Test {
  protected:
    static void SetUpTestSuite() {
        realm_ = std::make_unique<Realm>(must(Realm::start()));
        must(realm_->add_user("alice"));
    }
    static void TearDownTestSuite() { realm_.reset(); }

    /// Puts a ticket where libkrb5 of this process finds it.
    void use(const Ticket& ticket) {
        must(write_file(realm_->folder() / "cc", ticket.ccache));
        ASSERT_EQ(0, ::setenv("KRB5CCNAME", ("FILE:" + (realm_->folder() / "cc").string()).c_str(), 1));
        ASSERT_EQ(0, ::setenv("KRB5_CONFIG", realm_->krb5_conf_path().c_str(), 1));
    }

    /// A token as MIT's own SPNEGO makes it; empty on failure.
    std::string spnego_token() {
        OM_uint32 minor = 0;
        std::string target = "cifs@" + realm_->service_host();
        gss_buffer_desc text{target.size(), target.data()};
        gss_name_t name = GSS_C_NO_NAME;
        EXPECT_EQ(0U, ::gss_import_name(&minor, &text, GSS_C_NT_HOSTBASED_SERVICE, &name));
        gss_OID_desc spnego{6, const_cast<char*>("\x2b\x06\x01\x05\x05\x02")};
        gss_ctx_id_t context = GSS_C_NO_CONTEXT;
        gss_buffer_desc token = GSS_C_EMPTY_BUFFER;
        const OM_uint32 major = ::gss_init_sec_context(&minor, GSS_C_NO_CREDENTIAL, &context, name, &spnego,
                                                       GSS_C_INTEG_FLAG, 0, GSS_C_NO_CHANNEL_BINDINGS,
                                                       GSS_C_NO_BUFFER, nullptr, &token, nullptr, nullptr);
        std::string bytes;
        if (!GSS_ERROR(major)) bytes.assign(static_cast<char*>(token.value), token.length);
        (void)::gss_release_buffer(&minor, &token);
        (void)::gss_release_name(&minor, &name);
        (void)::gss_delete_sec_context(&minor, &context, GSS_C_NO_BUFFER);
        return bytes;
    }

    inline static std::unique_ptr<Realm> realm_;
};

TEST_F(SupportRealm, Token_OfAValidTicket_IsAcceptedWithClientAndKey) {
    use(must(realm_->ticket("alice")));
    const std::string token = spnego_token();
    ASSERT_FALSE(token.empty());
    const auto accepted = must(accept_token(token, realm_->service_keytab(), realm_->krb5_conf_path()));
    EXPECT_EQ("alice@LAB.TEST", accepted.client);
    EXPECT_EQ("cifs/" + realm_->service_host() + "@LAB.TEST", accepted.service);
    EXPECT_EQ(32U, accepted.session_key.size());
    ASSERT_FALSE(accepted.mech_types.empty());
    EXPECT_EQ(kOidKrb5, accepted.mech_types.front());
}

TEST_F(SupportRealm, Token_Tampered_IsRefused) {
    use(must(realm_->ticket("alice")));
    std::string token = spnego_token();
    ASSERT_GT(token.size(), 200U);
    token[token.size() - 100] = static_cast<char>(token[token.size() - 100] ^ 1);
    EXPECT_FALSE(accept_token(token, realm_->service_keytab(), realm_->krb5_conf_path()));
}

TEST_F(SupportRealm, Ticket_Expired_GivesNoToken) {
    use(must(realm_->expired_ticket("alice")));
    EXPECT_EQ("", spnego_token());
}

TEST_F(SupportRealm, Ticket_WithServiceAhead_NeedsNoKdc) {
    const auto ahead = must(realm_->ticket("alice", {.service_ahead = true}));
    const auto plain = must(realm_->ticket("alice"));
    realm_->stop_kdc();
    use(ahead);
    EXPECT_NE("", spnego_token());
    use(plain);
    EXPECT_EQ("", spnego_token());
    must(realm_->start_kdc());
    EXPECT_NE("", spnego_token());
}

TEST_F(SupportRealm, Start_Twice_HasTwoHosts) {
    const auto other = must(Realm::start());
    EXPECT_NE(realm_->service_host(), other.service_host());
    EXPECT_NE(realm_->kdc_port(), other.kdc_port());
}

TEST_F(SupportRealm, Payload_WithWrongLengths_IsRefused) {
    const std::string good("\1\0\0\0\0\0\0\0\2\0\0\0\3\0\0\0kkbbb", 21);
    const auto parsed = must(parse_payload(good));
    EXPECT_EQ(1U, parsed.version);
    EXPECT_EQ("kk", parsed.session_key);
    EXPECT_EQ("bbb", parsed.blob);
    EXPECT_FALSE(parse_payload(good + "x"));
    EXPECT_FALSE(parse_payload(good.substr(0, 20)));
    EXPECT_FALSE(parse_payload(good.substr(0, 15)));
}

TEST(SupportDeadKdc, Connect_Succeeds_AndNothingComesBack) {
    const auto dead = must(DeadKdc::open());
    EXPECT_TRUE(is_listening(dead.port()));
}

}  // namespace
}  // namespace nsupcall::test
