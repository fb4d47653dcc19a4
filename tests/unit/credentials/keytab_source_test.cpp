#include "credentials/keytab_source.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "credentials/host_sources.hpp"
#include "unique_ccaches.hpp"

namespace nsupcall {
namespace {

/// Files of the host in a folder of the test's own, and what this process keeps of them.
class HostCopies : public testing::Test {
  protected:
    void SetUp() override {
        // No KDC is known.
        (void)::setenv("KRB5_CONFIG", "/dev/null", 1);
        ASSERT_EQ(0, krb5_init_context(&raw_));
        context_.reset(raw_);
        std::string name = testing::TempDir() + "nsupcall-copies-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        folder_ = name;
        krb5_principal principal = nullptr;
        ASSERT_EQ(0, krb5_parse_name(raw_, "alice@NOWHERE.INVALID", &principal));
        principal_ = adopt<Principal>(raw_, principal);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string make_keytab(const char* name) {
        auto path = folder_ / name;
        krb5_keytab raw = nullptr;
        EXPECT_EQ(0, krb5_kt_resolve(raw_, ("WRFILE:" + path.string()).c_str(), &raw));
        const auto keytab = adopt<Keytab>(raw_, raw);
        std::string key(32, 'k');
        krb5_keytab_entry entry = {};
        entry.principal = principal_.get();
        entry.vno = 1;
        entry.key.enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96;
        entry.key.length = 32;
        entry.key.contents = reinterpret_cast<krb5_octet*>(key.data());
        EXPECT_EQ(0, krb5_kt_add_entry(raw_, raw, &entry));
        return path;
    }
    std::string make_ccache(const char* name) {
        auto path = folder_ / name;
        krb5_ccache raw = nullptr;
        EXPECT_EQ(0, krb5_cc_resolve(raw_, ("FILE:" + path.string()).c_str(), &raw));
        const auto ccache = adopt<Ccache>(raw_, raw);
        EXPECT_EQ(0, krb5_cc_initialize(raw_, raw, principal_.get()));
        return path;
    }
    bool has_keys(const char* memory_name) {
        krb5_keytab raw = nullptr;
        EXPECT_EQ(0, krb5_kt_resolve(raw_, memory_name, &raw));
        const auto keytab = adopt<Keytab>(raw_, raw);
        return krb5_kt_have_content(raw_, raw) == 0;
    }

    krb5_context raw_ = nullptr;
    Krb5Context context_;
    Principal principal_;
    std::filesystem::path folder_;
};

TEST_F(HostCopies, Keytab_IsInMemoryForAsLongAsItIsHeld) {
    {
        const auto copy = load_host_keytab(make_keytab("keytab"), "MEMORY:test-keytab");
        ASSERT_TRUE(copy) << copy.error().text();
        EXPECT_TRUE(has_keys("MEMORY:test-keytab"));
    }
    EXPECT_FALSE(has_keys("MEMORY:test-keytab"));
}

TEST_F(HostCopies, Ccache_IsInMemoryForAsLongAsItIsHeld) {
    {
        const auto copy = load_host_ccache(make_ccache("ccache"), "MEMORY:test-ccache");
        ASSERT_TRUE(copy) << copy.error().text();
        EXPECT_TRUE(test::is_there(raw_, "MEMORY:test-ccache"));
    }
    EXPECT_FALSE(test::is_there(raw_, "MEMORY:test-ccache"));
}

TEST_F(HostCopies, CcacheThatIsCut_LeavesNone) {
    const auto path = make_ccache("ccache");
    std::ofstream(path, std::ios::app | std::ios::binary) << "half a ticket";
    EXPECT_FALSE(load_host_ccache(path, "MEMORY:test-ccache"));
    EXPECT_FALSE(test::is_there(raw_, "MEMORY:test-ccache"));
}

TEST_F(HostCopies, OfARule_AreGoneWithTheQuery) {
    if (::geteuid() != 0) GTEST_SKIP() << "only root's files are taken";
    (void)make_ccache("one");
    (void)make_ccache("two");
    CredentialQuery query;
    query.settings.host_ccaches = {(folder_ / "*").string()};
    query.host_ccaches = load_host_ccaches(query);
    ASSERT_EQ(2U, query.host_ccaches.size());
    EXPECT_EQ("", query.host_ccaches[0].problem);
    const std::string last = query.host_ccaches[1].memory;
    EXPECT_TRUE(test::is_there(raw_, last));
    query = {};
    EXPECT_FALSE(test::is_there(raw_, last));
}

TEST_F(HostCopies, TicketsThatNoKdcGave_LeaveNoCcache) {
    const auto copy = load_host_keytab(make_keytab("keytab"), "MEMORY:test-keytab");
    ASSERT_TRUE(copy);
    EXPECT_FALSE(credentials_from_keytab(
        raw_,
        {.source = "test", .name = "MEMORY:test-keytab", .user = {}, .principal = {}, .first_entry = true}));
    EXPECT_EQ(0U, test::unique_ccaches(raw_));
}

}  // namespace
}  // namespace nsupcall
