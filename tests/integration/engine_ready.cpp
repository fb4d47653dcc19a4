/// @file
/// What the engine has ready before a request comes: workers, and the host's rules.

#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
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

    /// The workers that wait, one for each servant, once all are there.
    [[nodiscard]] std::vector<pid_t> idle_workers() const {
        std::vector<pid_t> workers;
        const auto all_wait = [&] {
            workers.clear();
            const auto servants = engine_->servants();
            for (const pid_t servant : servants) {
                const auto children = children_of(servant);
                if (children.size() != 1 || !waits(children.front())) return false;
                workers.push_back(children.front());
            }
            return !servants.empty();
        };
        EXPECT_TRUE(eventually(all_wait)) << "the workers do not come to wait";
        return workers;
    }

    /// Its channel and its own status are what it has besides the standard streams; it sleeps in recvmsg.
    static bool waits(pid_t pid) {
        const auto call = read_file(fmt::format("/proc/{}/syscall", pid)).value_or("");
        constexpr int kRecvmsg = SYS_recvmsg;
        return call.starts_with(fmt::format("{} ", kRecvmsg));
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
    EXPECT_TRUE(eventually([&] {
        return read_file(fmt::format("/proc/{}/status", waiting.front())).value_or("").find("Seccomp:\t2") !=
               std::string::npos;
    })) << "it is not sealed";
    ASSERT_EQ(0, ::kill(waiting.front(), SIGKILL));
    EXPECT_EQ("EKEYREJECTED", refusal(must(request.finish())));
}

TEST_F(EngineReady, WorkerKilledWhileItWaits_CostsNoRequest) {
    use_front(lone_front(), start({"--idle=1"}).socket());
    const auto container = container_with_ticket();
    const auto layout = engine_->layout();
    for (int at = 0; at < 3; ++at) {
        for (const pid_t pid : idle_workers()) ASSERT_EQ(0, ::kill(pid, SIGKILL));
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
    const auto workers = idle_workers();
    engine_->stop();
    for (const pid_t pid : workers)
        EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", pid)); })) << pid;
}

TEST_F(EngineReady, EngineKilled_LeavesNobodyWaiting_AndFinishesWhatItBegan) {
    use_front(lone_front(), start().socket(), {"--deadline=2500"});
    auto waiting = idle_workers();
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields(container).description()));
    EXPECT_TRUE(eventually([&] { return processes_of_rule().size() == 3; }));
    const auto busy = processes_of_rule();
    for (const pid_t pid : engine_->servants()) waiting.push_back(pid);
    std::erase_if(waiting, [&](pid_t pid) { return std::ranges::find(busy, pid) != busy.end(); });
    EXPECT_FALSE(waiting.empty());
    ASSERT_EQ(0, ::kill(engine_->pid(), SIGKILL));
    for (const pid_t pid : waiting)
        EXPECT_TRUE(eventually([&] { return !fs::exists(fmt::format("/proc/{}", pid)); })) << pid;
    EXPECT_EQ("ETIMEDOUT", refusal(must(request.finish())));
}

TEST_F(EngineReady, TaskThatOnlyAForkCarries_IsAnswered) {
    // A krb5.conf of the host, and a keytab of the host: both live in the broker's memory.
    const auto keytab = (realm().folder() / "engine-ready.keytab").string();
    must(write_file(keytab, must(realm().keytab_of("alice")), 0600));
    use_front(lone_front(), start().socket(), {"-k", realm().krb5_conf_path().string(), "-K", keytab});
    auto spec = spec_with_ticket(must(realm().ticket("bob")), unused_uid());
    spec.files.clear();
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields(container)), "alice");
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
