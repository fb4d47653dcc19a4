#include "bench/work_count.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include "bench/bench_engine.hpp"
#include "bench/plain_processor.hpp"
#include "bench/side.hpp"
#include "bench/timed_request.hpp"
#include "support/process.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

// As many steps take longer than an upcall may.
constexpr const char* kDeadline = "--deadline=60000";
constexpr unsigned kHelperNumber = 90, kFrontNumber = 91;  // beyond those of a comparison

/// What step_tracer wrote: the sum over sealed processes, and over the others.
struct Report {
    bool begun = false;
    ProcessWork sealed, open;
};

Report read_report(const std::string& path) {
    Report report;
    std::ifstream lines(path);
    std::string word;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::uint64_t count = 0, own = 0, kib = 0;
        words >> word >> count >> own >> kib;
        if (word == "traced") report.begun = true;
        if (word != "sealed" && word != "open") continue;
        auto& work = word == "sealed" ? report.sealed : report.open;
        work.count += count;
        work.kib += kib;
    }
    return report;
}

bool eventually(const std::function<bool()>& holds) {
    constexpr int kTries = 6000;
    for (int at = 0; at < kTries && !holds(); ++at)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return holds();
}

/// One request to `spec`, which is run under the tracer.
Result<Report> ask_traced(const Scenario& scenario, const test::Realm& realm,
                          const std::filesystem::path& tracer, SideSpec spec, unsigned number,
                          WorkUnit unit) {
    auto folder = test::TempDir::create();
    if (!folder) return nsutil::propagate(folder);
    const auto path = (folder->path() / "report").string();
    if (spec.ours()) spec.add_options({kDeadline});
    spec.arguments.insert(spec.arguments.begin(), {unit_name(unit), path, "run", spec.program.string()});
    spec.program = tracer;
    auto side = Side::install(spec, scenario.pattern(realm, number));
    if (!side) return nsutil::propagate(side);
    const auto answer = timed_request(scenario.question(realm, number));
    if (answer.error != 0) return nsutil::fail(answer.error, "no answer under the tracer");
    const auto report = read_report(path);
    if (!report.begun || report.open.count == 0) return nsutil::fail(EPROTO, "the tracer saw nothing");
    return report;
}

/// Nanoseconds.
std::uint64_t on_processor(pid_t pid) {
    std::ifstream statistics(fmt::format("/proc/{}/schedstat", pid));
    std::uint64_t time = 0;
    statistics >> time;
    return time;
}

bool sleeps(pid_t pid) {
    std::ifstream status(fmt::format("/proc/{}/status", pid));
    for (std::string line; std::getline(status, line);)
        if (line.starts_with("State:")) return line.find("S (") != std::string::npos;
    return false;
}

/// What an engine keeps ready, once it has made it ready: servants and workers.
std::vector<pid_t> settled(const test::TestEngine& engine) {
    constexpr int kLooks = 10, kLooksMost = 500;
    std::vector<pid_t> pids;
    for (int quiet = 0, looks = 0; quiet < kLooks && looks < kLooksMost; ++quiet, ++looks) {
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
        // Not the nursery, or all that it forks would be counted as well.
        auto now = engine.servants();
        for (const pid_t worker : engine.workers()) now.push_back(worker);
        if (now != pids || !std::ranges::all_of(now, sleeps)) quiet = 0;
        pids = std::move(now);
    }
    return pids;
}

}  // namespace

std::string unit_name(WorkUnit unit) {
    return unit == WorkUnit::calls          ? "calls"
           : unit == WorkUnit::instructions ? "instructions"
                                            : "nanoseconds";
}

Result<Work> count_helper(const Scenario& scenario, const test::Realm& realm,
                          const std::filesystem::path& tracer, const SideSpec& side, WorkUnit unit) {
    auto report = ask_traced(scenario, realm, tracer, side, kHelperNumber, unit);
    if (!report) return nsutil::propagate(report, side.name);
    Work work = {{"broker", report->open}};
    if (report->sealed.count > 0) work["worker"] = report->sealed;
    return work;
}

Result<Work> count_engine(const Scenario& scenario, const test::Realm& realm,
                          const std::filesystem::path& tracer, const std::vector<std::string>& options,
                          WorkUnit unit) {
    auto engine = BenchEngine::start(BenchEngine::Priority::normal, {"--idle=1"}, {kPlainProcessor});
    if (!engine) return nsutil::propagate(engine);
    auto folder = test::TempDir::create();
    if (!folder) return nsutil::propagate(folder);
    const auto path = (folder->path() / "report").string();
    test::Command command{.argv = {tracer.string(), unit_name(unit), path, "attach"},
                          .log_file = (folder->path() / "log").string()};
    for (const pid_t pid : settled(engine->engine())) command.argv.push_back(std::to_string(pid));
    auto attached = test::Daemon::start(command);
    if (!attached) return nsutil::propagate(attached);
    if (!eventually([&] { return read_report(path).begun || !attached->alive(); }))
        return nsutil::fail(ETIMEDOUT, "the tracer does not attach");
    auto side = engine->side("front");
    side.add_options(options);
    side.add_options(scenario.helper_options);
    const auto before = on_processor(engine->engine().pid());
    auto front = ask_traced(scenario, realm, tracer, side, kFrontNumber, unit);
    if (!front) return nsutil::propagate(front, "front end");
    const auto engine_time = [&] {
        (void)settled(engine->engine());
        return on_processor(engine->engine().pid()) - before;
    };
    // The servant writes its records when the key has been answered, and then waits for the next.
    const auto of_engine = engine_time();
    engine->stop();
    if (!eventually([&] { return !attached->alive(); }))
        return nsutil::fail(ETIMEDOUT, "the servant does not end");
    const auto report = read_report(path);
    if (report.open.count == 0 || report.sealed.count == 0)
        return nsutil::fail(EPROTO, "the tracer saw no servant or no worker: " +
                                        test::read_file(command.log_file).value_or(""));
    Work work = {{"front", front->open}, {"servant", report.open}, {"worker", report.sealed}};
    if (unit == WorkUnit::nanoseconds) work["engine"].count = of_engine;
    return work;
}

Result<WorkCounts> read_counts(const std::filesystem::path& file) {
    std::ifstream lines(file);
    if (!lines) return nsutil::fail(ENOENT, "no file " + file.string());
    WorkCounts counts;
    for (std::string line; std::getline(lines, line);) {
        const auto space = line.rfind(' ');
        if (line.starts_with('#') || space == std::string::npos) continue;
        const auto value = std::strtoull(line.c_str() + space + 1, nullptr, 10);
        if (value == 0) return nsutil::fail(EINVAL, file.string() + ": " + line);
        counts[line.substr(0, space)] = value;
    }
    return counts;
}

bool within_slack(const WorkCounts& counted, const WorkCounts& expected, std::string& report) {
    constexpr std::uint64_t kPercent = 105;
    bool good = true;
    for (const auto& [name, value] : counted) {
        const auto found = expected.find(name);
        const auto allowed = found == expected.end() ? 0 : found->second;
        const bool within = value * 100 <= allowed * kPercent;
        good = good && within;
        report +=
            fmt::format("  {:28} {:8}  expected {:8}{}\n", name, value, allowed, within ? "" : "  TOO MANY");
    }
    for (const auto& [name, value] : expected)
        if (!counted.contains(name)) {
            report += fmt::format("  {:28} was not counted\n", name);
            good = false;
        }
    return good;
}

}  // namespace nsupcall::bench
