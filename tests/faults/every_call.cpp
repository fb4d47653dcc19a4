/// @file
/// Every system call of a full upcall fails once, in every way: there is always an answer, in time, and
/// nothing stays behind: no process, no key under construction, no keyring, no file, no descriptor.

#include <csignal>
#include <numeric>

#include "fault_test.hpp"

namespace nsupcall::test {
namespace {

struct Fault {
    std::string role;  ///< "broker" or "worker" of a helper; "servant" or "workman" of an engine; "front"
    std::string kind;  ///< "kill" or an errno
    std::string name;
    friend void PrintTo(const Fault& fault, std::ostream* out) {
        *out << fault.name << " of the " << fault.role;
    }
    /// What the injector calls it.
    [[nodiscard]] std::string side() const {
        return role == "worker" || role == "workman" ? "worker" : "broker";
    }
    [[nodiscard]] bool of_engine() const { return role == "servant" || role == "workman"; }
};

class Faults : public FaultTest, public testing::WithParamInterface<Fault> {
  protected:
    void SetUp() override {
        FaultTest::SetUp();
        start_container();
        const auto& fault = GetParam();
        if (fault.of_engine()) {
            watch_engine();
        } else if (fault.role == "front") {
            peaceful_.emplace(must(TestEngine::start({"--idle=2"})));
            watch(front_path(), {"--engine=" + peaceful_->socket()});
        } else {
            watch(NSUPCALL_HELPER_PATH);
        }
    }
    void TearDown() override {
        FaultTest::TearDown();
        peaceful_.reset();
    }

    std::optional<TestEngine> peaceful_;
};

TEST_P(Faults, AtEveryCall_AreAnswered) {
    const auto& fault = GetParam();
    const bool kills = fault.kind == "kill";
    KeyAnswer answer;
    // The first one makes the folders.
    (void)upcall(fault.side(), 0, fault.kind, answer);
    restore_ticket();
    auto whole = upcall(fault.side(), 0, fault.kind, answer);
    ASSERT_EQ(0, answer.error) << answer.text();
    (void)expect_token(answer, "alice");
    // A servant and its worker that had time to rehearse make more calls than one that was wanted at once.
    for (int more = 0; fault.of_engine() && more < 3; ++more) {
        restore_ticket();
        auto other = upcall(fault.side(), 0, fault.kind, answer);
        if (other.broker_calls + other.worker_calls < whole.broker_calls + whole.worker_calls)
            whole = std::move(other);
    }
    const long calls = fault.side() == "broker" ? whole.broker_calls : whole.worker_calls;
    const bool front = fault.role == "front";
    ASSERT_GT(calls, front ? 10 : 80);
    if (!front) {
        EXPECT_FALSE(whole.keyrings.empty()) << "nothing is watched: the worker has a keyring of its own";
    }
    if (!fault.of_engine() && !front) {
        ASSERT_GT(whole.first_of_main, 10);
    }
    const auto files_before = files();
    std::map<std::string, int> descriptors_before;
    if (fault.of_engine()) {
        await_idle_engine();
        descriptors_before = descriptors(engine_pid());
        ASSERT_GT(descriptors_before.size(), 4U);
    }
    long tokens = 0, refusals = 0;
    for (long at = 1; at <= calls; ++at) {
        SCOPED_TRACE(fmt::format("{} at call {} of the {}", fault.name, at, fault.role));
        restore_ticket();
        auto outcome = upcall(fault.side(), at, fault.kind, answer);
        // An engine that begins anew, after a worker that crashed, may send its servant away instead.
        for (int again = 0; fault.of_engine() && outcome.hit < 0 && again < 3; ++again) {
            await_idle_engine();
            restore_ticket();
            outcome = upcall(fault.side(), at, fault.kind, answer);
        }
        // A fault further ahead can shorten the way; nothing was hit then.
        if (outcome.hit < 0 && at <= calls - 20) ADD_FAILURE() << "the fault did not happen";
        SCOPED_TRACE(fmt::format("system call {}, answer {}", outcome.hit, answer.text()));
        // The kernel answers for a helper that was killed, and for one that was never loaded.
        // A front end has no loader: its first call is the execve(2) that makes it one.
        const long loading = front ? 1 : whole.first_of_main - 1;
        const bool by_kernel = fault.side() == "broker" && !fault.of_engine() && (kills || at <= loading);
        expect_answer(by_kernel, outcome, answer);
        if (!by_kernel && !fault.of_engine() && !front) {
            EXPECT_EQ(1, outcome.answered);
        }
        ++(answer.error == 0 ? tokens : refusals);
        if (HasFailure()) break;
    }
    expect_no_keyrings();
    if (!front) {
        EXPECT_GT(keyrings_.size(), 10U) << "few keyrings were seen: this shows nothing";
    }
    auto files_after = files();
    // What could not be read of a namespace's identity makes another record of the same session.
    const auto whole_records = records().string() + "/*";
    EXPECT_LE(files_after[whole_records], 4);
    files_after[whole_records] = files_before.at(whole_records);
    // A process that is killed leaves its unfinished record to the next one of its number.
    if (kills) {
        EXPECT_LE(files_after[records().string() + "/.*"], 8);
        files_after.erase(records().string() + "/.*");
    }
    EXPECT_EQ(files_before, files_after) << "files were left";
    if (fault.of_engine()) {
        await_idle_engine();
        const auto count = [](const std::map<std::string, int>& all) {
            return std::accumulate(all.begin(), all.end(), 0,
                                   [](int sum, const auto& one) { return sum + one.second; });
        };
        EXPECT_LE(count(descriptors(engine_pid())), count(descriptors_before))
            << "the engine holds more descriptors than it did";
        // A servant whose last call it was to meet a worker does without until its next request.
        EXPECT_LE(children(engine_pid()).size(), kIdleChildren) << "servants or workers are left";
    }
    // Both must have happened, or the faults were not what they were meant to be. A front end whose engine
    // fails is the helper all the same.
    if (!fault.of_engine() && !front) {
        EXPECT_GT(refusals, 10);
    }
    if (!kills) {
        EXPECT_GT(tokens, 5);
    }
    RecordProperty("calls", static_cast<int>(calls));
    fmt::print("{} of the {}: {} calls, {} tokens, {} refusals\n", fault.name, fault.role, calls, tokens,
               refusals);
}

std::vector<Fault> all_faults() {
    const std::pair<const char*, int> kinds[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM},   {"EINTR", EINTR},
                                                 {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}, {"EIO", EIO}};
    std::vector<Fault> faults;
    for (const char* role : {"broker", "worker", "servant", "workman", "front"}) {
        for (const auto& [name, number] : kinds) faults.push_back({role, std::to_string(number), name});
        faults.push_back({role, "kill", "SIGKILL"});
    }
    return faults;
}

INSTANTIATE_TEST_SUITE_P(Upcall, Faults, testing::ValuesIn(all_faults()),
                         [](const auto& fault) { return fault.param.role + "_" + fault.param.name; });

}  // namespace
}  // namespace nsupcall::test
