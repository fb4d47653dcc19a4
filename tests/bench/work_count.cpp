#include "bench/work_count.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>
#include <vector>

#include "bench/bench_engine.hpp"
#include "bench/plain_processor.hpp"
#include "bench/record_folder.hpp"
#include "bench/side.hpp"
#include "bench/timed_request.hpp"
#include "support/process.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

// As many steps take longer than an upcall may.
constexpr const char* kDeadline = "--deadline=100000";
constexpr unsigned kHelperNumber = 90, kFrontNumber = 91;  // beyond those of a comparison

std::string unit_name(WorkUnit unit) {
    return unit == WorkUnit::calls ? "calls" : "instructions";
}

/// What step_tracer wrote: the sum over sealed processes, and over the others.
struct Report {
    bool begun = false;
    std::uint64_t sealed = 0, open = 0;
};

Report read_report(const std::string& path) {
    Report report;
    std::ifstream lines(path);
    std::string word;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::uint64_t count = 0;
        words >> word >> count;
        if (word == "traced") report.begun = true;
        if (word == "sealed") report.sealed += count;
        if (word == "open") report.open += count;
    }
    return report;
}

bool eventually(const std::function<bool()>& holds) {
    constexpr int kTries = 6000;
    for (int at = 0; at < kTries && !holds(); ++at) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return holds();
}

/// One request to `spec`, which is run under the tracer.
Result<Report> ask_traced(const Scenario& scenario, const test::Realm& realm, const std::filesystem::path& tracer,
                          SideSpec spec, unsigned number, WorkUnit unit) {
    auto folder = test::TempDir::create();
    if (!folder) return nsutil::propagate(folder);
    const auto path = (folder->path() / "report").string();
    auto records = RecordFolder::create();
    if (!records) return nsutil::propagate(records);
    spec.add_options(scenario.helper_options);
    spec.add_options(records->options());
    spec.add_options({kDeadline});
    spec.arguments.insert(spec.arguments.begin(), {unit_name(unit), path, "run", spec.program.string()});
    spec.program = tracer;
    auto side = Side::install(spec, scenario.pattern(realm, number));
    if (!side) return nsutil::propagate(side);
    const auto answer = timed_request(scenario.question(realm, number));
    if (answer.error != 0) return nsutil::fail(answer.error, "no answer under the tracer");
    const auto report = read_report(path);
    if (!report.begun || report.open == 0) return nsutil::fail(EPROTO, "the tracer saw nothing");
    return report;
}

/// `pids` and all their children.
std::vector<pid_t> with_children(std::vector<pid_t> pids) {
    for (std::size_t at = 0; at < pids.size(); ++at) {
        std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", pids[at]));
        for (pid_t child = 0; children >> child;) pids.push_back(child);
    }
    return pids;
}

}  // namespace

Result<WorkCounts> count_helper(const Scenario& scenario, const test::Realm& realm,
                                const std::filesystem::path& tracer, const std::filesystem::path& helper,
                                WorkUnit unit) {
    const SideSpec side{"helper", helper, {"--test-type=cifs.spnego", "%k"}, SideKind::our_helper};
    auto report = ask_traced(scenario, realm, tracer, side, kHelperNumber, unit);
    if (!report) return nsutil::propagate(report, "helper");
    return WorkCounts{{"helper broker " + unit_name(unit), report->open},
                      {"helper worker " + unit_name(unit), report->sealed}};
}

Result<WorkCounts> count_engine(const Scenario& scenario, const test::Realm& realm,
                                const std::filesystem::path& tracer, WorkUnit unit) {
    auto engine = BenchEngine::start(BenchEngine::Priority::normal, {"--idle=1"}, {kPlainProcessor});
    if (!engine) return nsutil::propagate(engine);
    auto folder = test::TempDir::create();
    if (!folder) return nsutil::propagate(folder);
    const auto path = (folder->path() / "report").string();
    test::Command command{.argv = {tracer.string(), unit_name(unit), path, "attach"},
                          .log_file = (folder->path() / "log").string()};
    for (const pid_t pid : with_children(engine->engine().servants())) command.argv.push_back(std::to_string(pid));
    auto attached = test::Daemon::start(command);
    if (!attached) return nsutil::propagate(attached);
    if (!eventually([&] { return read_report(path).begun || !attached->alive(); }))
        return nsutil::fail(ETIMEDOUT, "the tracer does not attach");
    auto front = ask_traced(scenario, realm, tracer, engine->side("front"), kFrontNumber, unit);
    if (!front) return nsutil::propagate(front, "front end");
    // The servant writes its records when the key has been answered.
    if (!eventually([&] { return !attached->alive(); })) return nsutil::fail(ETIMEDOUT, "the servant does not end");
    const auto report = read_report(path);
    if (report.open == 0 || report.sealed == 0)
        return nsutil::fail(EPROTO, "the tracer saw no servant or no worker: " +
                                        test::read_file(command.log_file).value_or(""));
    return WorkCounts{{"engine front " + unit_name(unit), front->open},
                      {"engine servant " + unit_name(unit), report.open},
                      {"engine worker " + unit_name(unit), report.sealed}};
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
        report += fmt::format("  {:28} {:8}  expected {:8}{}\n", name, value, allowed, within ? "" : "  TOO MANY");
    }
    for (const auto& [name, value] : expected)
        if (!counted.contains(name)) {
            report += fmt::format("  {:28} was not counted\n", name);
            good = false;
        }
    return good;
}

}  // namespace nsupcall::bench
