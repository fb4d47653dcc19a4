/// @file
/// Every system call of a full upcall fails once, in every way: there is always an answer, in time, and
/// nothing stays behind.

#include <dirent.h>
#include <fmt/format.h>

#include <csignal>
#include <fstream>

#include "nsutil/unique_fd.hpp"
#include "support/leftovers.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

constexpr auto kDeadline = std::chrono::milliseconds(1500);
// The watchdog fires half a second after the deadline; the rest is for a loaded machine.
constexpr auto kLimit = kDeadline + std::chrono::milliseconds(3000);

/// What tests/faults/inject.cpp wrote.
struct Outcome {
    long broker_calls = 0, worker_calls = 0, hit = -1, first_of_main = 0;
    int answered = 0, left = 0;
};

struct Fault {
    std::string role;  ///< "broker" or "worker"
    std::string kind;  ///< "kill" or an errno
    std::string name;
    friend void PrintTo(const Fault& fault, std::ostream* out) {
        *out << fault.name << " of the " << fault.role;
    }
};

class Faults : public UpcallTest, public testing::WithParamInterface<Fault> {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        const auto service_host = "faulty." + host();
        (void)realm().add_service("cifs/" + service_host);
        plan_ = realm().folder() / "plan";
        const auto uid = unused_uid();
        auto spec = spec_with_ticket(must(realm().ticket("alice")), 10);
        spec.user = UserNamespaceSpec::same({{0, uid, 60}});
        spec.environment = {"KRB5CCNAME=/tmp/krb5cc_10"};
        ticket_ = spec.files.back();
        container_.emplace(must(Container::start(spec)));
        auto fields = fields_for(container_->tid(), uid + 10);
        fields.host = service_host;
        description_ = fields.description();
        rule_.emplace(must(RequestRule::install(
            {.description = RequestRule::pattern_for(service_host),
             .program = NSUPCALL_INJECT_PATH,
             .arguments = {"--plan=" + plan_.string(), NSUPCALL_HELPER_PATH, "--test-type=cifs.spnego",
                           fmt::format("--deadline={}", kDeadline.count()), "%k"}})));
    }
    void TearDown() override {
        rule_.reset();
        container_.reset();
        UpcallTest::TearDown();
    }

    /// One upcall with the fault at call `at` of the role.
    Outcome upcall(const std::string& role, long at, const std::string& kind, KeyAnswer& answer) {
        must(write_file(plan_, fmt::format("{} {} {}\n", role, at, kind)));
        const auto out = plan_.string() + ".out";
        (void)::unlink(out.c_str());
        auto request = must(KeyRequest::start(description_));
        auto finished = request.finish(std::chrono::seconds(20));
        if (!finished) {
            ADD_FAILURE() << "the asker was not freed: " << finished.error().text();
            return {};
        }
        answer = *finished;
        Outcome outcome;
        std::ifstream file(out);
        file >> outcome.broker_calls >> outcome.worker_calls >> outcome.hit >> outcome.first_of_main >>
            outcome.answered >> outcome.left;
        EXPECT_TRUE(file) << "the injector wrote nothing";
        return outcome;
    }

    /// Puts the ticket back as it was: a fault may have cost the ccache its last entry.
    void restore_ticket() { must(container_->add_file(ticket_)); }

    /// Names of the files in the container's /tmp.
    [[nodiscard]] int count_files() const {
        return must(container_->run(
            [] {
                int count = 0;
                DIR* folder = ::opendir("/tmp");
                while (folder != nullptr && ::readdir(folder) != nullptr) ++count;
                return count;
            },
            0, 0));
    }

    void expect_answer(bool by_kernel, const Outcome& outcome, const KeyAnswer& answer) {
        EXPECT_LT(answer.elapsed, kLimit);
        EXPECT_EQ(0, outcome.left) << "a process is left";
        EXPECT_EQ(std::vector<std::string>(), keys_under_construction());
        if (!by_kernel) {
            EXPECT_EQ(1, outcome.answered) << "the kernel had to answer by itself";
        }
        if (answer.error == 0) (void)expect_token(answer, "alice");
    }

    std::filesystem::path plan_;
    std::optional<Container> container_;
    std::optional<RequestRule> rule_;
    std::string description_;
    ContainerFile ticket_;
};

TEST_P(Faults, AtEveryCall_AreAnswered) {
    const auto& fault = GetParam();
    KeyAnswer answer;
    const auto whole = upcall(fault.role, 0, fault.kind, answer);
    ASSERT_EQ(0, answer.error) << answer.text();
    (void)expect_token(answer, "alice");
    const long calls = fault.role == "broker" ? whole.broker_calls : whole.worker_calls;
    ASSERT_GT(calls, 100);
    ASSERT_GT(whole.first_of_main, 10);
    const int files = count_files();
    long tokens = 0, refusals = 0;
    for (long at = 1; at <= calls; ++at) {
        SCOPED_TRACE(fmt::format("{} at call {} of the {}", fault.name, at, fault.role));
        restore_ticket();
        const auto outcome = upcall(fault.role, at, fault.kind, answer);
        // A fault further ahead can shorten the way; nothing was hit then.
        if (outcome.hit < 0 && at <= calls - 10) ADD_FAILURE() << "the fault did not happen";
        SCOPED_TRACE(fmt::format("system call {}, answer {}", outcome.hit, answer.text()));
        // The kernel answers for a broker that was killed, and for one that was never loaded.
        const bool by_kernel = fault.role == "broker" && (fault.kind == "kill" || at < whole.first_of_main);
        expect_answer(by_kernel, outcome, answer);
        ++(answer.error == 0 ? tokens : refusals);
        if (HasFailure()) break;
    }
    EXPECT_EQ(files, count_files()) << "files were left in the container";
    // Both must have happened, or the faults were not what they were meant to be.
    EXPECT_GT(refusals, 10);
    if (fault.kind != "kill") {
        EXPECT_GT(tokens, 10);
    }
    RecordProperty("calls", static_cast<int>(calls));
    fmt::print("{} of the {}: {} calls, {} tokens, {} refusals\n", fault.name, fault.role, calls, tokens,
               refusals);
}

TEST_F(Faults, OldKernel_IsAnswered) {
    KeyAnswer answer;
    (void)upcall("broker", 0, "old", answer);
    (void)expect_token(answer, "alice");
}

std::vector<Fault> all_faults() {
    const std::pair<const char*, int> kinds[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM},   {"EINTR", EINTR},
                                                 {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}, {"EIO", EIO}};
    std::vector<Fault> faults;
    for (const char* role : {"broker", "worker"}) {
        for (const auto& [name, number] : kinds) faults.push_back({role, std::to_string(number), name});
        faults.push_back({role, "kill", "SIGKILL"});
    }
    return faults;
}

INSTANTIATE_TEST_SUITE_P(Upcall, Faults, testing::ValuesIn(all_faults()),
                         [](const auto& fault) { return fault.param.role + "_" + fault.param.name; });

}  // namespace
}  // namespace nsupcall::test
