/// @file
/// What the engine has ready before a request comes: workers, and the host's rules.

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "engine_support.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

class EngineReady : public FrontTest {
  protected:
    TestEngine& start(std::vector<std::string> options = {"--idle=2"}) {
        options.push_back("--config=" + config());
        engine_.emplace(must(TestEngine::start(options)));
        return *engine_;
    }
    [[nodiscard]] std::string config() const { return (folder_.path() / "nsupcall.conf").string(); }
    void write_rules(const std::string& defaults) {
        must(write_file(config(), "[defaults]\n" + defaults + "\n", 0644));
    }

    /// The workers that wait with a servant, one for each, once all are there and another one waits for a
    /// servant.
    [[nodiscard]] std::vector<pid_t> idle_workers() const {
        std::vector<pid_t> workers;
        const auto all_wait = [&] {
            workers = workers_in(SYS_recvmsg);
            const auto servants = engine_->servants();
            return !servants.empty() && workers.size() == servants.size() && !workers_in(SYS_accept4).empty();
        };
        EXPECT_TRUE(eventually(all_wait)) << "the workers do not come to wait";
        return workers;
    }

    [[nodiscard]] std::vector<pid_t> workers_in(long call) const {
        auto workers = engine_->workers();
        std::erase_if(workers, [&](pid_t pid) {
            return !read_file(fmt::format("/proc/{}/syscall", pid))
                        .value_or("")
                        .starts_with(fmt::format("{} ", call));
        });
        return workers;
    }

    static bool shares_memory(pid_t pid) {
        return read_file(fmt::format("/proc/{}/maps", pid)).value_or("").find("rw-s") != std::string::npos;
    }

    static std::multiset<std::string> descriptors_of(pid_t pid) {
        std::multiset<std::string> kinds;
        for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
            const auto target = fs::read_symlink(entry.path()).string();
            kinds.insert(target.substr(0, target.find(':')));
        }
        return kinds;
    }

    std::optional<TestEngine> engine_;
};

TEST_F(EngineReady, IdleWorker_HoldsNothing) {
    start();
    const auto workers = idle_workers();
    EXPECT_EQ(2U, workers.size());
    for (const pid_t pid : workers) {
        const std::multiset<std::string> expected = {"/dev/null", "/dev/null", "/dev/null", "socket",
                                                     fmt::format("/proc/{}/status", pid)};
        EXPECT_EQ(expected, descriptors_of(pid));
        EXPECT_FALSE(shares_memory(pid)) << "it could speak for servants";
    }
    // That it can be seen at all.
    for (const pid_t pid : engine_->servants()) EXPECT_TRUE(shares_memory(pid));
    for (const pid_t pid : workers_in(SYS_accept4)) {
        const std::multiset<std::string> expected = {
            "/dev/null", "/dev/null", "/dev/null", "socket", "pipe", fmt::format("/proc/{}/status", pid)};
        EXPECT_EQ(expected, descriptors_of(pid));
    }
}

TEST_F(EngineReady, Worker_TakesTheTask) {
    use_front(lone_front(), start({"--idle=1"}).socket());
    const auto waiting = idle_workers();
    ASSERT_EQ(1U, waiting.size());
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields(container).description()));
    EXPECT_TRUE(eventually([&] { return processes_of_rule().size() == 3; })) << "it shows another name";
    const auto processes = processes_of_rule();
    EXPECT_NE(processes.end(), std::ranges::find(processes, waiting.front()))
        << "another worker was forked for the task";
    EXPECT_TRUE(eventually([&] { return is_sealed(waiting.front()); })) << "it is not sealed";
    ASSERT_EQ(0, ::kill(waiting.front(), SIGKILL));
    EXPECT_EQ("EKEYREJECTED", refusal(must(request.finish())));
}

TEST_F(EngineReady, WorkerKilledWhileItWaits_CostsNoRequest) {
    use_front(lone_front(), start({"--idle=1"}).socket());
    const auto container = container_with_ticket();
    const auto layout = engine_->layout();
    (void)idle_workers();
    for (int at = 0; at < 3; ++at) {
        for (const pid_t pid : engine_->workers()) EXPECT_TRUE(::kill(pid, SIGKILL) == 0 || errno == ESRCH);
        (void)expect_token(ask(fields(container)), "alice");
    }
    EXPECT_EQ(layout, engine_->layout()) << "a worker that had seen nothing tells nothing of the layout";
}

TEST_F(EngineReady, Rush_IsAnsweredByAsManyAsItTakes) {
    use_front(lone_front(), start().socket());
    std::vector<Container> containers;
    std::vector<KeyRequest> requests;
    for (int at = 0; at < 12; ++at) containers.push_back(container_with_ticket());
    for (const auto& container : containers)
        requests.push_back(must(KeyRequest::start(fields(container).description())));
    for (auto& request : requests) (void)expect_token(must(request.finish()), "alice");
    EXPECT_TRUE(eventually([&] { return engine_->servants().size() == 2; })) << "the pool did not settle";
}

TEST_F(EngineReady, ServantKilled_TakesItsWorkerAlong) {
    start();
    const auto workers = idle_workers();
    const auto servants = engine_->servants();
    for (const pid_t pid : servants) ASSERT_EQ(0, ::kill(pid, SIGKILL));
    for (const pid_t pid : workers)
        EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", pid)); })) << pid;
}

TEST_F(EngineReady, EngineAskedToEnd_LeavesNoWorker) {
    start();
    (void)idle_workers();
    const auto all = engine_->children();
    engine_->stop();
    for (const pid_t pid : all)
        EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", pid)); })) << pid;
}

TEST_F(EngineReady, EngineKilled_LeavesNobodyWaiting_AndFinishesWhatItBegan) {
    use_front(front_path(), start().socket(), {"--deadline=2500"});
    auto waiting = idle_workers();
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields(container).description()));
    EXPECT_TRUE(eventually([&] { return processes_of_rule().size() == 3; }));
    const auto busy = processes_of_rule();
    for (const pid_t pid : engine_->children()) waiting.push_back(pid);
    std::erase_if(waiting, [&](pid_t pid) { return std::ranges::find(busy, pid) != busy.end(); });
    EXPECT_FALSE(waiting.empty());
    ASSERT_EQ(0, ::kill(engine_->pid(), SIGKILL));
    for (const pid_t pid : waiting)
        EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", pid)); })) << pid;
    EXPECT_EQ("ETIMEDOUT", refusal(must(request.finish())));
}

TEST_F(EngineReady, TaskThatOnlyAForkCarries_IsTheHelpers) {
    // A krb5.conf of the host, and a keytab of the host: both live in the broker's memory, and a servant goes on
    // to serve others.
    const auto keytab = (realm().folder() / "engine-ready.keytab").string();
    must(write_file(keytab, must(realm().keytab_of("alice")), 0600));
    const std::vector<std::string> options = {"-k", realm().krb5_conf_path().string(), "-K", keytab};
    use_front(front_path(), start().socket(), options);
    auto spec = spec_with_ticket(must(realm().ticket("bob")), unused_uid());
    spec.files.clear();
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields(container)), "alice");
    use_front(lone_front(), engine_->socket(), options);
    EXPECT_EQ("ENOENT", refusal(ask(fields(container)))) << "the engine has read a keytab of the host";
    EXPECT_EQ(2U, engine_->servants().size());
}

TEST_F(EngineReady, Servants_ServeOneAfterTheOther) {
    use_front(lone_front(), start().socket());
    const auto container = container_with_ticket();
    (void)idle_workers();
    const auto servants = engine_->servants();
    ASSERT_EQ(2U, servants.size());
    std::map<pid_t, std::multiset<std::string>> descriptors;
    for (const pid_t pid : servants) descriptors[pid] = descriptors_of(pid);
    std::set<pid_t> workers;
    for (int at = 0; at < 5; ++at) {
        (void)expect_token(ask(fields(container)), "alice");
        for (const pid_t worker : idle_workers()) workers.insert(worker);
    }
    EXPECT_EQ(servants, engine_->servants());
    for (const auto& [pid, before] : descriptors) EXPECT_EQ(before, descriptors_of(pid)) << "something is left";
    EXPECT_GE(workers.size(), 6U) << "a worker is for one task";
}

TEST_F(EngineReady, WithoutWorkers_HelperAnswersSoon) {
    use_front(front_path(), start({"--idle=1"}).socket());
    const auto container = container_with_ticket();
    (void)idle_workers();
    // Neither may it fork another, nor can those that there are do anything.
    ASSERT_EQ(0, ::kill(engine_->pid(), SIGSTOP));
    const auto stopped = engine_->workers();
    for (const pid_t pid : stopped) ASSERT_EQ(0, ::kill(pid, SIGKILL));
    const auto answer = ask(fields(container));
    ASSERT_EQ(0, ::kill(engine_->pid(), SIGCONT));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 2500);
}

TEST_F(EngineReady, WorkerThatDoesNotEnd_IsEnded) {
    use_front(lone_front(), start({"--idle=1"}).socket(), {"--deadline=1500"});
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields(container).description()));
    pid_t worker = -1;
    EXPECT_TRUE(eventually([&] {
        for (const pid_t pid : engine_->workers())
            if (is_sealed(pid)) worker = pid;
        return worker > 0;
    }));
    // What is stopped neither ends by its timer nor with its channel.
    ASSERT_GT(worker, 0);
    ASSERT_EQ(0, ::kill(worker, SIGSTOP));
    EXPECT_EQ("ETIMEDOUT", refusal(must(request.finish())));
    EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", worker)); })) << "it is left";
}

TEST_F(EngineReady, NurseryKilled_IsReplaced) {
    use_front(lone_front(), start().socket());
    const auto container = container_with_ticket();
    const auto layout = engine_->layout();
    for (int at = 0; at < 3; ++at) {
        for (const pid_t pid : engine_->children())
            if (read_file(fmt::format("/proc/{}/comm", pid)).value_or("") == "nursery\n") {
                ASSERT_EQ(0, ::kill(pid, SIGKILL));
            }
        // Two have workers; the third and later ones are from the next nursery.
        for (int request = 0; request < 4; ++request) (void)expect_token(ask(fields(container)), "alice");
    }
    EXPECT_EQ(layout, engine_->layout());
}

TEST_F(EngineReady, RulesChangedOnDisk_HoldForTheNextRequest) {
    write_rules("deny = no");
    use_front(lone_front(), start({"--idle=1"}).socket(), {"--config=" + config()});
    const auto container = container_with_ticket();
    for (int at = 0; at < 3; ++at) {
        write_rules("deny = yes");
        EXPECT_EQ("EACCES", refusal(ask(fields(container)))) << at;
        // Long enough ago for a servant to take them as they are.
        if (at == 1) std::this_thread::sleep_for(std::chrono::milliseconds(1300));
        write_rules("deny = no");
        (void)expect_token(ask(fields(container)), "alice");
    }
    fs::remove(config());
    (void)expect_token(ask(fields(container)), "alice");
    fs::create_directory(config() + ".d");
    must(write_file(config() + ".d/one.conf", "[defaults]\ndeny = yes\n", 0644));
    EXPECT_EQ("EACCES", refusal(ask(fields(container))));
}

}  // namespace
}  // namespace nsupcall::test
