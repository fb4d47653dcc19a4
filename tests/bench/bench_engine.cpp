#include "bench/bench_engine.hpp"

#include <sched.h>

#include <cerrno>
#include <filesystem>
#include <utility>

namespace nsupcall::bench {
namespace {

using nsutil::Result;

constexpr int kPriority = 10;  // the launcher's

Result<void> make_real_time(const test::TestEngine& engine) {
    const sched_param parameter = {.sched_priority = kPriority};
    // The engine first: what it forks from then on inherits.
    if (::sched_setscheduler(engine.pid(), SCHED_FIFO, &parameter) != 0)
        return nsutil::fail_errno("real-time priority");
    for (const pid_t pid : engine.children())
        if (::sched_setscheduler(pid, SCHED_FIFO, &parameter) != 0 && errno != ESRCH)
            return nsutil::fail_errno("real-time priority");
    return {};
}

}  // namespace

Result<BenchEngine> BenchEngine::start(Priority priority, const std::vector<std::string>& options,
                                       std::vector<std::string> environment) {
    auto folder = test::TempDir::create();
    if (!folder) return nsutil::propagate(folder);
    std::error_code failed;
    std::filesystem::copy_file(test::front_path(), folder->path() / "cifs.upcall", failed);
    if (failed) return nsutil::fail(failed.value(), "copy the front end");
    auto engine = test::TestEngine::start(options, {}, std::move(environment));
    if (!engine) return nsutil::propagate(engine, "engine");
    if (priority == Priority::real_time)
        if (auto set = make_real_time(*engine); !set) return nsutil::propagate(set);
    return BenchEngine(std::move(*folder), std::move(*engine));
}

SideSpec BenchEngine::side(std::string name) const {
    return {.name = std::move(name),
            .program = folder_.path() / "cifs.upcall",
            .arguments = {"--engine=" + engine_.socket(), "--test-type=cifs.spnego", "%k"},
            .kind = SideKind::our_engine};
}

std::vector<pid_t> BenchEngine::processes() const {
    auto all = engine_.children();
    all.push_back(engine_.pid());
    return all;
}

}  // namespace nsupcall::bench
