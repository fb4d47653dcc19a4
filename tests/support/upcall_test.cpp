#include "support/upcall_test.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "support/leftovers.hpp"
#include "support/sanitizer_reports.hpp"
#include "support/skip.hpp"
#include "support/test_engine.hpp"

namespace nsupcall::test {

void UpcallTest::SetUpTestSuite() {
    realm_ = std::make_unique<Realm>(must(Realm::start()));
    must(realm_->add_user("alice"));
    must(realm_->add_user("bob"));
    log_ = std::make_unique<LogCatcher>();
    prepare_sanitizer_reports();
}

void UpcallTest::TearDownTestSuite() {
    log_.reset();
    realm_.reset();
}

void UpcallTest::SetUp() {
    ASSERT_TRUE(realm_) << "the realm of the suite could not be made";
    kdc_log_before_ = realm_->kdc_log().size();
    use_options({"--test-type=cifs.spnego"});
}

void UpcallTest::TearDown() {
    // A test that broke off may have an upcall under way, which must not be held against the next one.
    if (HasFailure()) {
        if (const auto worker = await_worker(0)) (void)::kill(*worker, SIGKILL);
    }
    for (const auto& line : keys_under_construction(1000))
        ADD_FAILURE() << "left under construction: " << line;
    for (int i = 0; i < 200 && !running_helpers().empty(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    EXPECT_TRUE(running_helpers().empty()) << "helpers still run one second after their answers";
    rules_.clear();
    for (const auto& report : take_sanitizer_reports()) ADD_FAILURE() << "sanitizer report:\n" << report;
    const auto records = log_ ? log_->take("") : std::vector<std::string>();
    if (!HasFailure()) return;
    for (const auto& description : asked_) GTEST_LOG_(INFO) << "asked: " << description;
    for (const auto& record : records) GTEST_LOG_(INFO) << "logged: " << record;
    if (realm_) GTEST_LOG_(INFO) << "the KDC logged:\n" << realm_->kdc_log().substr(kdc_log_before_);
}

std::uint32_t UpcallTest::unused_uid(std::uint32_t n) {
    // Above every range that distributions hand out, below 2^31.
    constexpr std::uint32_t kBase = 0x40000000;
    return kBase + static_cast<std::uint32_t>(::getpid()) * 64 + n;
}

void UpcallTest::use_options(const std::vector<std::string>& options) {
    rules_.clear();
    add_rule(RequestRule::pattern_for(host()), options);
}

void UpcallTest::add_rule(const std::string& pattern, const std::vector<std::string>& options) {
    std::vector<std::string> arguments = options;
    arguments.emplace_back("%k");
    rules_.push_back(must(RequestRule::install(
        {.description = pattern, .program = NSUPCALL_HELPER_PATH, .arguments = std::move(arguments)})));
}

ContainerFile UpcallTest::krb5_conf_file(std::string_view more_libdefaults) {
    return {.path = "/etc/krb5.conf", .content = realm_->krb5_conf(more_libdefaults)};
}

ContainerFile UpcallTest::ccache_file(const Ticket& ticket, std::string path, std::uint32_t uid) {
    return {.path = std::move(path), .content = ticket.ccache, .mode = 0600, .uid = uid, .gid = uid};
}

ContainerSpec UpcallTest::spec_with_ticket(const Ticket& ticket, std::uint32_t uid) {
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = uid;
    spec.gid = uid;
    spec.files = {krb5_conf_file(), ccache_file(ticket, fmt::format("/tmp/krb5cc_{}", uid), uid)};
    return spec;
}

UpcallFields UpcallTest::fields_for(pid_t tid, std::uint32_t host_uid) {
    UpcallFields fields;
    fields.host = host();
    fields.uid = host_uid;
    fields.creduid = host_uid;
    fields.pid = tid;
    return fields;
}

KeyAnswer UpcallTest::ask_text(const std::string& description) {
    asked_.push_back(description);
    auto answer = must(ask_kernel(description));
    // An engine answers first and writes its records then; the helper itself answers by its end.
    if (tests_run_with_engine())
        for (int i = 0; i < 100 && !running_helpers().empty(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(3));
    if (helper_must_answer_) {
        EXPECT_LE(answer.remembered_s, 2)
            << answer.text() << ": the helper did not reject the key with a timeout of a second";
    }
    return answer;
}

std::vector<pid_t> UpcallTest::running_helpers() const {
    std::vector<pid_t> all;
    for (const auto& rule : rules_) {
        for (const pid_t pid : rule.running_helpers()) all.push_back(pid);
    }
    return all;
}

nsutil::Result<pid_t> UpcallTest::await_worker(int patience_ms) const {
    for (; patience_ms >= 0; patience_ms -= 2) {
        const auto all = running_helpers();
        for (const pid_t pid : all) {
            const auto stat = read_file(fmt::format("/proc/{}/stat", pid)).value_or("");
            // An engine's worker is no child of its broker.
            if (stat.find(" (worker) ") != std::string::npos) return pid;
            // "pid (name) state ppid ...": the name may hold anything, and ends at the last ')'.
            int parent = 0;
            const auto name_end = stat.rfind(')');
            if (name_end == std::string::npos || stat.size() < name_end + 4) continue;
            parent = std::atoi(stat.c_str() + name_end + 4);
            if (std::ranges::find(all, parent) != all.end()) return pid;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return nsutil::fail(ESRCH, "no worker was seen");
}

AcceptedToken UpcallTest::expect_token(const KeyAnswer& answer, std::string_view user) {
    EXPECT_EQ(0, answer.error) << "request_key: " << answer.text();
    if (answer.error != 0) return {};
    const auto payload = parse_payload(answer.payload);
    EXPECT_TRUE(payload) << payload.error().text();
    if (!payload) return {};
    EXPECT_EQ(2U, payload->version);
    EXPECT_EQ(0U, payload->flags);
    const auto accepted = accept_token(payload->blob, realm_->service_keytab(), realm_->krb5_conf_path());
    EXPECT_TRUE(accepted) << accepted.error().text();
    if (!accepted) return {};
    EXPECT_EQ(realm_->principal(user), accepted->client);
    EXPECT_FALSE(payload->session_key.empty());
    EXPECT_EQ(accepted->session_key, payload->session_key);
    return *accepted;
}

std::string refusal(const KeyAnswer& answer) {
    return answer.text();
}

}  // namespace nsupcall::test
