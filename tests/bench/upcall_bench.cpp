/// @file
/// Whole upcalls through the running kernel's request_key(2), ours beside cifs-utils' and beside the floor (a
/// helper that does nothing but reject the key).
///
/// upcall_bench --launcher PROGRAM --ours engine|HELPER [--ours engine|HELPER] [--peer NAME=HELPER]...
/// [--rounds N] [--json FILE] [--at-most RATIO] [SCENARIO...]
///
/// --ours engine: the front end with an engine that is started for the run. The first of ours is what the
/// ratios are of.
/// --tracer PROGRAM: step_tracer; with it each side's system calls and memory are told as well.
/// --at-most: exit status 1 where our ratio to the first peer is above it in a scenario, after three tries
/// (other load on the machine makes single runs worthless). 77: it cannot run here. 2: something answered
/// wrongly.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <map>
#include <optional>

#include "bench/bench_engine.hpp"
#include "bench/comparison.hpp"
#include "bench/record_folder.hpp"
#include "bench/statistics.hpp"
#include "bench/work_count.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;

constexpr std::string_view kEngine = "engine";

struct Options {
    std::vector<std::string> ours;  ///< "engine", or a helper's path
    std::vector<SideSpec> others;
    std::vector<std::string> scenarios;
    int rounds = 200;
    std::string json, launcher, tracer;
    std::optional<double> at_most;
};

[[noreturn]] void usage() {
    std::fputs(
        "usage: upcall_bench --launcher PROGRAM --ours engine|HELPER... [--peer NAME=HELPER]... [--rounds N] "
        "[--json "
        "FILE] "
        "[--at-most RATIO] [SCENARIO...]\nscenarios:",
        stderr);
    for (const auto& name : scenario_names()) std::fputs((" " + name).c_str(), stderr);
    std::fputs("\n", stderr);
    std::exit(2);
}

Options parse(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string_view word = argv[at];
        if (!word.starts_with("--")) {
            options.scenarios.emplace_back(word);
            continue;
        }
        if (at + 1 == argc) usage();
        const std::string value = argv[++at];
        const auto equals = value.find('=');
        if (word == "--ours")
            options.ours.push_back(value);
        else if (word == "--peer" && equals != std::string::npos)
            options.others.push_back({value.substr(0, equals), value.substr(equals + 1), {"%k"}});
        else if (word == "--rounds")
            options.rounds = std::atoi(value.c_str());
        else if (word == "--launcher")
            options.launcher = value;
        else if (word == "--tracer")
            options.tracer = value;
        else if (word == "--json")
            options.json = value;
        else if (word == "--at-most")
            options.at_most = std::strtod(value.c_str(), nullptr);
        else
            usage();
    }
    if (options.ours.empty() || options.rounds < 1 || options.launcher.empty()) usage();
    options.others.push_back({"floor", "/bin/keyctl", {"negate", "%k", "1", "@s"}, SideKind::floor});
    if (options.scenarios.empty()) options.scenarios = scenario_names();
    return options;
}

/// Whether the first peer was beaten by enough.
bool within(const Comparison& comparison, double at_most) {
    const auto peer = std::ranges::find(comparison.sides, SideKind::theirs, &SideResult::kind);
    if (peer == comparison.sides.end() || !peer->failure.empty()) return true;
    const auto ratio = ratio_of_medians(whole_upcalls(comparison, comparison.sides.front()),
                                        whole_upcalls(comparison, *peer));
    return ratio.value <= at_most;
}

SideSpec helper_side(const std::string& path) {
    return {"nsupcall, helper",
            std::filesystem::absolute(path),
            {"--test-type=cifs.spnego", "%k"},
            SideKind::our_helper};
}

/// System calls, memory and processor time of one upcall of each side that answers, by its name.
std::map<std::string, Work> count_work(const Options& options, const Scenario& scenario,
                                       const nsupcall::test::Realm& realm, const std::vector<SideSpec>& sides,
                                       const RecordFolder& records) {
    constexpr int kTimes = 7;
    constexpr double kNanoseconds = 1000;
    std::map<std::string, Work> work;
    for (const auto& side : scenario.sides(sides)) {
        if (!side.answers()) continue;
        const bool by_engine = side.kind == SideKind::our_engine && !scenario.is_declined;
        const auto count = [&](WorkUnit unit) {
            return by_engine ? count_engine(scenario, realm, options.tracer, records.options(), unit)
                             : count_helper(scenario, realm, options.tracer, side, unit);
        };
        auto counted = count(WorkUnit::calls);
        if (!counted) {
            if (side.ours())
                fmt::print(stderr, "{}: {}: not counted: {}\n", scenario.name, side.name,
                           counted.error().text());
            continue;
        }
        std::map<std::string, std::vector<double>> times;
        for (int at = 0; at < kTimes; ++at)
            if (const auto timed = count(WorkUnit::nanoseconds))
                for (const auto& [process, done] : *timed)
                    times[process].push_back(static_cast<double>(done.count) / kNanoseconds);
        for (const auto& [process, values] : times) (*counted)[process].cpu_us = median(values);
        work[side.name] = std::move(*counted);
    }
    return work;
}

int run(const Options& options) {
    constexpr int kTries = 3;
    auto realm = must(nsupcall::test::Realm::start());
    must(realm.add_user("alice"));
    std::optional<BenchEngine> engine;
    std::vector<SideSpec> sides;
    for (const auto& ours : options.ours) {
        if (ours == kEngine && !engine)
            engine.emplace(must(BenchEngine::start(BenchEngine::Priority::real_time)));
        sides.push_back(ours == kEngine ? engine->side("nsupcall, engine") : helper_side(ours));
    }
    const auto records = must(RecordFolder::create());
    for (auto& side : sides) side.add_options(records.options());
    sides.insert(sides.end(), options.others.begin(), options.others.end());
    std::string json = "[";
    bool slow = false;
    for (const auto& name : options.scenarios) {
        const auto scenario = must(make_scenario(name, realm));
        std::optional<Comparison> comparison;
        std::map<std::string, Work> work;
        for (int attempt = 0; attempt < kTries; ++attempt) {
            comparison = must(compare(scenario, realm, sides, options.rounds, options.launcher));
            if (work.empty() && !options.tracer.empty())
                work = count_work(options, scenario, realm, sides, records);
            for (auto& side : comparison->sides)
                if (const auto found = work.find(side.name); found != work.end()) side.work = found->second;
            std::fputs(table_of(*comparison).c_str(), stdout);
            (void)std::fflush(stdout);
            if (!options.at_most || within(*comparison, *options.at_most)) break;
            if (attempt + 1 == kTries) slow = true;
        }
        json += (json.size() > 1 ? ",\n" : "\n") + json_of(*comparison);
    }
    if (!options.json.empty()) must(nsupcall::test::write_file(options.json, json + "\n]\n", 0644));
    if (slow) std::fputs("slower than allowed\n", stdout);
    return slow ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
    const auto options = parse(argc, argv);
    if (::geteuid() != 0 || ::access("/sbin/request-key", X_OK) != 0) {
        std::fputs("upcall_bench: needs root and request-key(8)\n", stderr);
        return 77;
    }
    std::vector<std::string> programs;
    for (const auto& ours : options.ours)
        if (ours != kEngine) programs.push_back(ours);
    for (const auto& side : options.others) programs.push_back(side.program);
    for (const auto& program : programs)
        if (::access(program.c_str(), X_OK) != 0) {
            fmt::print(stderr, "upcall_bench: {} is missing\n", program);
            // Where skips are failures, as in CI, so is this.
            const char* no_skip = std::getenv("NSUPCALL_NO_SKIP");
            return no_skip != nullptr && std::string_view(no_skip) == "1" ? 2 : 77;
        }
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "upcall_bench: {}\n", failed.what());
        return 2;
    }
}
