#include "credentials/kept_tickets.hpp"

#include <gtest/gtest.h>

#include <cstring>

#include "unique_ccaches.hpp"

namespace nsupcall {
namespace {

class KeptTickets : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_EQ(0, krb5_init_secure_context(&raw_));
        context_.reset(raw_);
        krb5_ccache ccache = nullptr;
        ASSERT_EQ(0, krb5_cc_new_unique(raw_, "MEMORY", nullptr, &ccache));
        ccache_ = adopt<Ccache>(raw_, ccache);
        ASSERT_EQ(0, krb5_parse_name(raw_, "alice@LAB.TEST", &client_));
        ASSERT_EQ(0, krb5_cc_initialize(raw_, ccache, client_));
    }
    void TearDown() override { krb5_free_principal(raw_, client_); }

    void add_ticket(const char* server, std::size_t size = 300) {
        krb5_creds creds = {};
        creds.client = client_;
        ASSERT_EQ(0, krb5_parse_name(raw_, server, &creds.server));
        std::string ticket(size, 't'), key(32, 'k');
        creds.ticket.data = ticket.data();
        creds.ticket.length = static_cast<unsigned>(ticket.size());
        creds.keyblock.enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
        creds.keyblock.length = 32;
        creds.keyblock.contents = reinterpret_cast<krb5_octet*>(key.data());
        creds.times.endtime = 2'000'000'000;
        ASSERT_EQ(0, krb5_cc_store_cred(raw_, ccache_.get(), &creds));
        krb5_free_principal(raw_, creds.server);
    }
    unsigned count(krb5_ccache ccache) {
        unsigned found = 0;
        krb5_cc_cursor cursor = nullptr;
        EXPECT_EQ(0, krb5_cc_start_seq_get(raw_, ccache, &cursor));
        for (krb5_creds creds = {}; krb5_cc_next_cred(raw_, ccache, &cursor, &creds) == 0; ++found)
            krb5_free_cred_contents(raw_, &creds);
        (void)krb5_cc_end_seq_get(raw_, ccache, &cursor);
        return found;
    }

    krb5_context raw_ = nullptr;
    Krb5Context context_;
    Ccache ccache_;
    krb5_principal client_ = nullptr;
};

TEST_F(KeptTickets, Exported_AreImported) {
    add_ticket("krbtgt/LAB.TEST@LAB.TEST");
    add_ticket("cifs/fs.lab.test@LAB.TEST");
    const auto bytes = export_tickets(raw_, ccache_.get(), "keytab of rule x");
    ASSERT_FALSE(bytes.empty());
    const auto again = import_tickets(raw_, bytes, "keytab of rule x");
    ASSERT_TRUE(again && *again != nullptr);
    EXPECT_EQ(2U, count(again->get()));
    EXPECT_EQ(bytes, export_tickets(raw_, again->get(), "keytab of rule x"));
}

TEST_F(KeptTickets, OfAnotherKeytab_AreNone) {
    add_ticket("krbtgt/LAB.TEST@LAB.TEST");
    const auto bytes = export_tickets(raw_, ccache_.get(), "keytab of rule x");
    const auto again = import_tickets(raw_, bytes, "keytab of rule y");
    ASSERT_TRUE(again);
    EXPECT_EQ(nullptr, *again);
}

TEST_F(KeptTickets, NoneOrTooMany_AreNotExported) {
    EXPECT_TRUE(export_tickets(raw_, ccache_.get(), "x").empty());
    for (unsigned at = 0; at <= kKeptTicketsMost; ++at)
        add_ticket(("cifs/" + std::to_string(at) + "@LAB.TEST").c_str());
    EXPECT_TRUE(export_tickets(raw_, ccache_.get(), "x").empty());
}

TEST_F(KeptTickets, TooLong_AreNotExported) {
    add_ticket("krbtgt/LAB.TEST@LAB.TEST", kKeptBytesMost);
    EXPECT_TRUE(export_tickets(raw_, ccache_.get(), "x").empty());
}

TEST_F(KeptTickets, CutAnywhere_AreEinval) {
    add_ticket("krbtgt/LAB.TEST@LAB.TEST");
    const auto bytes = export_tickets(raw_, ccache_.get(), "x");
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const auto again = import_tickets(raw_, std::span(bytes).first(size), "x");
        ASSERT_FALSE(again) << size;
        EXPECT_EQ(EINVAL, again.error().code) << size;
    }
}

TEST_F(KeptTickets, ImportedOrNot_LeaveNoTicketsInMemory) {
    add_ticket("krbtgt/LAB.TEST@LAB.TEST");
    add_ticket("cifs/fs.lab.test@LAB.TEST");
    const auto bytes = export_tickets(raw_, ccache_.get(), "x");
    ASSERT_EQ(1U, test::unique_ccaches(raw_));
    // Whole tickets are stored before the piece is reached that is cut.
    EXPECT_FALSE(import_tickets(raw_, std::span(bytes).first(bytes.size() - 1), "x"));
    EXPECT_EQ(1U, test::unique_ccaches(raw_));
    {
        const auto again = import_tickets(raw_, bytes, "x");
        ASSERT_TRUE(again && *again != nullptr);
        EXPECT_EQ(2U, test::unique_ccaches(raw_));
    }
    EXPECT_EQ(1U, test::unique_ccaches(raw_));
}

}  // namespace
}  // namespace nsupcall
