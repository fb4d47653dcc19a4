/// @file
/// Every process that holds a key, a token or the right to answer can be traced by nobody of its own user,
/// and leaves no core file.

#include <fmt/format.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "integration/engine_support.hpp"
#include "support/dumpable.hpp"

namespace nsupcall::test {
namespace {

class Undumpable : public FrontTest {
  protected:
    /// One that is none of ours, waiting in pause(2): the question itself must be able to say yes.
    static long of_a_plain_process() {
        const pid_t child = ::fork();
        if (child == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            (void)::prctl(PR_SET_DUMPABLE, 1);
            for (;;) (void)::pause();
        }
        ::usleep(50'000);
        const auto said = ask_dumpable(child);
        (void)::kill(child, SIGKILL);
        (void)::waitpid(child, nullptr, 0);
        return must(said);
    }

    static std::string status_line(pid_t pid, const std::string& name) {
        const auto text = read_file(fmt::format("/proc/{}/status", pid)).value_or("");
        const auto at = text.find("\n" + name + ":");
        return at == std::string::npos
                   ? ""
                   : text.substr(at + name.size() + 3, text.find('\n', at + 1) - at - name.size() - 3);
    }
    /// A sealed worker may ask nothing more; but it is no root process, whose files in /proc tell nothing.
    static void expect_undumpable(pid_t pid, const std::string& what) {
        SCOPED_TRACE(fmt::format("{} ({})", what, pid));
        struct stat info{};
        ASSERT_EQ(0, ::stat(fmt::format("/proc/{}/environ", pid).c_str(), &info));
        EXPECT_EQ(0U, info.st_uid);
        if (is_sealed(pid)) {
            EXPECT_NE(0, std::atoi(status_line(pid, "Uid").c_str())) << "its files would be root's anyway";
            return;
        }
        EXPECT_EQ(0, must(ask_dumpable(pid)));
    }

    /// Waits for the worker of the only upcall under way to be sealed. @return it and its parent
    std::vector<pid_t> await_sealed(const std::function<std::vector<pid_t>()>& candidates) {
        std::vector<pid_t> all;
        EXPECT_TRUE(eventually([&] {
            all = candidates();
            const bool seen = std::ranges::any_of(all, is_sealed);
            // Once more: one that was passed already may have got its name while others were looked at.
            if (seen) all = candidates();
            return seen;
        })) << "no worker was seen";
        return all;
    }
};

TEST_F(Undumpable, APlainProcess_IsNot) {
    EXPECT_EQ(1, of_a_plain_process());
}

TEST_F(Undumpable, HelperAndWorker_Are) {
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields_for(container.tid(), unused_uid()).description()));
    const auto all = await_sealed([&] { return running_helpers(); });
    EXPECT_EQ(2U, all.size());
    for (const pid_t pid : all) expect_undumpable(pid, is_sealed(pid) ? "worker" : "broker");
    for (const pid_t pid : all)
        if (is_sealed(pid)) (void)::kill(pid, SIGKILL);
    EXPECT_EQ("EKEYREJECTED", refusal(must(request.finish())));
}

TEST_F(Undumpable, EngineServantsWorkerAndFrontEnd_Are) {
    auto engine = must(TestEngine::start({"--idle=2"}));
    expect_undumpable(engine.pid(), "engine");
    for (const pid_t pid : engine.children()) expect_undumpable(pid, "idle servant, or worker");
    use_front(lone_front(), engine.socket());
    const auto container = stuck_container();
    auto request = must(KeyRequest::start(fields(container).description()));
    const auto all = await_sealed([&] { return processes_of_rule(); });
    // The front end, the servant that took its name, and the worker.
    EXPECT_EQ(3U, all.size());
    for (const pid_t pid : all) expect_undumpable(pid, is_sealed(pid) ? "worker" : "front end, or servant");
    for (const pid_t pid : all)
        if (is_sealed(pid)) (void)::kill(pid, SIGKILL);
    EXPECT_EQ("EKEYREJECTED", refusal(must(request.finish())));
}

}  // namespace
}  // namespace nsupcall::test
