#pragma once
/// @file
/// The fixture of every test that asks the running kernel for a token.

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "support/container.hpp"
#include "support/key_request.hpp"
#include "support/log_catcher.hpp"
#include "support/must.hpp"
#include "support/realm.hpp"
#include "support/request_rule.hpp"
#include "support/token_check.hpp"

namespace nsupcall::test {

/// A realm for the suite, with the users alice and bob; a rule for the helper during each test; and after
/// each test the check that no key is left under construction and no helper runs.
class UpcallTest : public testing::Test {
  protected:
    static void SetUpTestSuite();
    static void TearDownTestSuite();
    void SetUp() override;
    void TearDown() override;

    [[nodiscard]] static Realm& realm() { return *realm_; }
    /// The host name that the rule serves.
    [[nodiscard]] static const std::string& host() { return realm_->service_host(); }

    /// A user id of the host that owns nothing there and that no other run uses; `n` up to 63.
    [[nodiscard]] static std::uint32_t unused_uid(std::uint32_t n = 0);

    /// Replaces the rule by one with these options of the helper in front of the key.
    void use_options(const std::vector<std::string>& options);
    /// Adds a rule for another pattern.
    void add_rule(const std::string& pattern,
                  const std::vector<std::string>& options = {"--test-type=cifs.spnego"});

    /// A container in its own mount and pid namespaces whose user (inside ids `uid`) has `ticket` in its
    /// default ccache `/tmp/krb5cc_<uid>`, and the realm's krb5.conf.
    [[nodiscard]] static ContainerSpec spec_with_ticket(const Ticket& ticket, std::uint32_t uid);
    /// The realm's configuration as a file for a container.
    [[nodiscard]] static ContainerFile krb5_conf_file(std::string_view more_libdefaults = {});
    /// A ccache as a file for a container.
    [[nodiscard]] static ContainerFile ccache_file(const Ticket& ticket, std::string path, std::uint32_t uid);

    /// The kernel's request for a process, as it makes one for `host_uid`.
    [[nodiscard]] static UpcallFields fields_for(pid_t tid, std::uint32_t host_uid);
    /// Asks the kernel, and keeps what is needed to explain a failure. A refusal must come from the helper,
    /// and be forgotten after a second.
    [[nodiscard]] KeyAnswer ask(const UpcallFields& fields) { return ask_text(fields.description()); }
    [[nodiscard]] KeyAnswer ask_text(const std::string& description);
    /// For tests in which the helper may not even start: the kernel's own refusal is let pass.
    void allow_silent_helper() { helper_must_answer_ = false; }

    /// The processes of this test's rules that run now.
    [[nodiscard]] std::vector<pid_t> running_helpers() const;
    /// The worker of the only upcall under way: a helper whose parent is one too.
    [[nodiscard]] nsutil::Result<pid_t> await_worker(int patience_ms = 2000) const;

    /// The answer is a token that the service's keytab accepts, of this client of the realm, whose
    /// sub-session key is the payload's.
    /// @return what the acceptor learnt
    static AcceptedToken expect_token(const KeyAnswer& answer, std::string_view user);

  private:
    inline static std::unique_ptr<Realm> realm_;
    inline static std::unique_ptr<LogCatcher> log_;
    std::vector<RequestRule> rules_;
    std::vector<std::string> asked_;
    std::size_t kdc_log_before_ = 0;
    bool helper_must_answer_ = true;
};

/// The errno of an answer by name, for comparisons that read well: EXPECT_EQ("ENOKEY", refusal(answer)).
[[nodiscard]] std::string refusal(const KeyAnswer& answer);

}  // namespace nsupcall::test
