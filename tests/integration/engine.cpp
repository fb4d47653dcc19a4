/// @file
/// The engine: what it answers, what it refuses, and what becomes of requests that it does not answer.

#include "engine/refusals.hpp"
#include "engine_support.hpp"
#include "nsutil/task.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace nsupcall::test {
namespace {

class Engine : public FrontTest {
  protected:
    TestEngine& start(const std::vector<std::string>& options = {"--idle=2"},
                      std::vector<std::string> environment = {}) {
        engine_.emplace(must(TestEngine::start(options, {}, std::move(environment))));
        return *engine_;
    }

    /// A request whose worker waits for its KDC by now.
    KeyRequest start_stuck(const Container& container) {
        auto request = must(KeyRequest::start(fields(container).description()));
        // Front end, servant, worker.
        EXPECT_TRUE(eventually([&] { return processes_of_rule().size() == 3; }));
        EXPECT_TRUE(eventually([&] { return worker() > 0; }));
        return request;
    }

    [[nodiscard]] pid_t servant() const {
        const auto servants = engine_->servants();
        for (const pid_t pid : processes_of_rule())
            if (std::ranges::find(servants, pid) != servants.end()) return pid;
        return -1;
    }
    /// The one at work, once it is sealed.
    [[nodiscard]] pid_t worker() const {
        for (const pid_t pid : engine_->workers())
            if (is_sealed(pid)) return pid;
        return -1;
    }

    std::optional<TestEngine> engine_;
};

TEST_F(Engine, Token_ComesFromIt) {
    use_front(lone_front(), start().socket());
    const auto container = container_with_ticket();
    for (int at = 0; at < 5; ++at) (void)expect_token(ask(fields(container)), "alice");
}

TEST_F(Engine, Refusal_KeepsItsErrno) {
    use_front(lone_front(), start().socket());
    auto spec = spec_with_ticket(must(realm().ticket("alice")), unused_uid());
    spec.files.pop_back();
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ENOKEY", refusal(ask(fields(container))));
}

TEST_F(Engine, KeyOfATest_IsNotItsBusinessUnlessItSaysSo) {
    start();
    const auto container = container_with_ticket();
    rule_.emplace(must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.7;*",
                                             .program = lone_front(),
                                             .arguments = {"--engine=" + engine_->socket(), "%k"}})));
    EXPECT_EQ("ENOENT", refusal(ask(fields(container)))) << "it did not leave the key to the helper";
}

TEST_F(Engine, SubkeysDiffer) {
    use_front(lone_front(), start().socket());
    const auto container = container_with_ticket();
    std::set<std::string> keys;
    for (int at = 0; at < 4; ++at) keys.insert(expect_token(ask(fields(container)), "alice").session_key);
    EXPECT_EQ(4U, keys.size());
}

TEST_F(Engine, Environment_StartsPlain) {
    use_front(lone_front(),
              start({"--idle=1"}, {"KRB5_CONFIG=/nowhere", "KRB5CCNAME=FILE:/nowhere"}).socket());
    (void)expect_token(ask(fields(container_with_ticket())), "alice");
}

TEST_F(Engine, Stopped_HelperAnswersInTime) {
    use_front(front_path(), start().socket());
    const auto container = container_with_ticket();
    const auto stopped = engine_->servants();
    for (const pid_t pid : stopped) ASSERT_EQ(0, ::kill(pid, SIGSTOP));
    const auto answer = ask(fields(container));
    // What is stopped would outlive its engine.
    for (const pid_t pid : stopped) EXPECT_EQ(0, ::kill(pid, SIGKILL));
    (void)expect_token(answer, "alice");
    EXPECT_GT(answer.elapsed.count(), 900);
    EXPECT_LT(answer.elapsed.count(), 4000);
}

TEST_F(Engine, KilledServant_HelperAnswersWithinOneDeadline) {
    use_front(front_path(), start().socket(), {"--deadline=3000"});
    const auto container = stuck_container();
    auto request = start_stuck(container);
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    ASSERT_GT(servant(), 0);
    ASSERT_EQ(0, ::kill(servant(), SIGKILL));
    const auto answer = must(request.finish());
    EXPECT_EQ("ETIMEDOUT", refusal(answer));
    EXPECT_LE(answer.remembered_s, 2);
    EXPECT_LT(answer.elapsed.count(), 3000 + 1500);
}

TEST_F(Engine, Full_HelperAnswersAtOnce) {
    use_front(front_path(), start({"--idle=1", "--most=1"}).socket(), {"--deadline=4000"});
    const auto stuck = stuck_container();
    auto request = start_stuck(stuck);
    const auto answer = ask(fields(container_with_ticket()));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 900);
    (void)must(request.finish());
}

TEST_F(Engine, DeadKdc_IsWaitedForUntilTheDeadline) {
    use_front(lone_front(), start().socket(), {"--deadline=2500"});
    const auto container = stuck_container();
    const auto answer = ask(fields(container));
    EXPECT_EQ("ETIMEDOUT", refusal(answer));
    EXPECT_GT(answer.elapsed.count(), 2000);
    EXPECT_LT(answer.elapsed.count(), 3500);
}

TEST_F(Engine, CrashedWorker_IsTheLastOfItsLayout) {
    use_front(lone_front(), start().socket());
    const auto container = stuck_container();
    const auto before = engine_->layout();
    auto request = start_stuck(container);
    const pid_t at_work = worker();
    ASSERT_GT(at_work, 0);
    ASSERT_EQ(0, ::kill(at_work, SIGSEGV));
    EXPECT_EQ("EKEYREJECTED", refusal(must(request.finish())));
    EXPECT_TRUE(eventually([&] { return engine_->layout() != before && !engine_->layout().empty(); }));
    (void)expect_token(ask(fields(container_with_ticket())), "alice");
}

TEST_F(Engine, ManyRequests_ChangeTheLayout) {
    use_front(front_path(), start({"--idle=1", "--layout=2"}).socket());
    const auto container = container_with_ticket();
    const auto before = engine_->layout();
    for (int at = 0; at < 8; ++at) (void)expect_token(ask(fields(container)), "alice");
    EXPECT_TRUE(eventually([&] { return engine_->layout() != before && !engine_->layout().empty(); }));
}

TEST_F(Engine, AskedToEnd_FinishesWhatItBegan) {
    use_front(lone_front(), start().socket(), {"--deadline=2500"});
    const auto container = stuck_container();
    auto request = start_stuck(container);
    ASSERT_EQ(0, ::kill(engine_->pid(), SIGTERM));
    EXPECT_EQ("ETIMEDOUT", refusal(must(request.finish())));
}

/// Its memory has gone before its number.
bool has_ended(pid_t pid) {
    const auto task = nsutil::Task::open(pid);
    const auto stat = task ? task->stat() : nsutil::fail(ESRCH, "");
    return !stat || stat->state == 'Z' || stat->state == 'X';
}

/// Whether a process of root's has `text` somewhere in its memory; nothing where it has ended.
std::optional<bool> memory_holds(pid_t pid, const std::string& text) {
    std::ifstream maps(fmt::format("/proc/{}/maps", pid));
    const nsutil::UniqueFd memory(::open(fmt::format("/proc/{}/mem", pid).c_str(), O_RDONLY | O_CLOEXEC));
    std::size_t read_bytes = 0;
    bool found = false;
    for (std::string line; std::getline(maps, line) && !found;) {
        unsigned long begin = 0, end = 0;
        char rights[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &begin, &end, rights) != 3 || rights[1] != 'w') continue;
        std::string bytes(end - begin, '\0');
        const auto got = ::pread(memory.get(), bytes.data(), bytes.size(), static_cast<off_t>(begin));
        if (got <= 0) continue;
        read_bytes += static_cast<std::size_t>(got);
        found = bytes.find(text) != std::string::npos;
    }
    if (read_bytes == 0 && eventually([&] { return has_ended(pid); })) return std::nullopt;
    EXPECT_TRUE(found || read_bytes > 100'000) << "the memory of process " << pid << " cannot be read";
    return found;
}

TEST_F(Engine, Memory_HoldsNothingOfFormerRequests) {
    use_front(lone_front(), start({"--idle=2"}).socket(), {"--deadline=3000"});
    // Put together at run time: it must not be in anybody's constants.
    const std::string marker = fmt::format("mark{}er{}", ::getpid(), 77);
    const auto with_marker = [&](const Container& container) {
        auto asked = fields(container);
        asked.user = marker;
        return asked;
    };
    const auto container = container_with_ticket();
    for (int at = 0; at < 4; ++at) (void)expect_token(ask(with_marker(container)), "alice");
    ASSERT_TRUE(eventually([&] { return processes_of_rule().empty(); }));
    EXPECT_EQ(false, memory_holds(engine_->pid(), marker));
    // A servant has served several by now; a worker never anybody. Workers too many end after a moment.
    std::size_t looked_at = 0;
    for (const pid_t pid : engine_->children())
        if (const auto holds = memory_holds(pid, marker)) {
            EXPECT_FALSE(*holds) << pid;
            ++looked_at;
        }
    EXPECT_GE(looked_at, 3U) << "two servants and a nursery at least";

    // That it can be seen at all: the servant of a request under way has it.
    const auto stuck = stuck_container();
    auto request = must(KeyRequest::start(with_marker(stuck).description()));
    EXPECT_TRUE(eventually([&] { return worker() > 0; }));
    EXPECT_EQ(true, memory_holds(servant(), marker));
    (void)must(request.finish());
}

TEST_F(Engine, RequestsOfNoKernelBeyondAHandful_WaitForTheirRefusal) {
    use_front(lone_front(), start({"--idle=4"}).socket());
    const auto container = container_with_ticket();
    const auto forged = fields(container).description() + ";creduid=0x0";
    EXPECT_EQ("EINVAL", refusal(must(ask_kernel(forged))));
    constexpr std::int64_t kAtOnceMs = 900;
    constexpr std::size_t kRequests = 3 * engine::Refusals::kAtOnce;
    std::vector<KeyRequest> requests;
    for (std::size_t at = 0; at < kRequests; ++at)
        requests.push_back(must(KeyRequest::start(fmt::format("{};nth={}", forged, at))));
    // Whoever is held back is in nobody's way.
    const auto genuine = ask(fields(container));
    (void)expect_token(genuine, "alice");
    EXPECT_LT(genuine.elapsed.count(), kAtOnceMs);
    std::size_t held = 0;
    for (auto& request : requests) {
        const auto answer = must(request.finish());
        EXPECT_EQ("EINVAL", refusal(answer));
        EXPECT_LT(answer.elapsed.count(), 4000);
        held += answer.elapsed.count() >= kAtOnceMs ? 1 : 0;
    }
    EXPECT_GE(held, engine::Refusals::kAtOnce);
    EXPECT_LT(held, kRequests) << "a handful is refused at once";
}

TEST_F(Engine, SecondOne_DoesNotTakeTheSocket) {
    start();
    const auto second = must(run_program(
        {.argv = {"/proc/" + std::to_string(engine_->pid()) + "/exe", "--socket=" + engine_->socket()}}));
    EXPECT_EQ(1, second.exit_code);
    EXPECT_NE(std::string::npos, second.output.find("an engine answers")) << second.output;
    use_front(lone_front(), engine_->socket());
    (void)expect_token(ask(fields(container_with_ticket())), "alice");
}

}  // namespace
}  // namespace nsupcall::test
