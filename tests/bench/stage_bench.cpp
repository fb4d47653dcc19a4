/// @file
/// The budget of one upcall, stage by stage: what stage_probe writes, as medians (cached ticket, mount
/// namespace).
///
/// stage_bench --launcher PROGRAM --probe LIBRARY --ours engine|HELPER [--rounds N] [--json FILE]
///
/// Times are microseconds after the helper was loaded, or after the front end began. What an engine did
/// before that is left out. 77: it cannot run here.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "bench/bench_engine.hpp"
#include "bench/record_folder.hpp"
#include "bench/scenario.hpp"
#include "bench/statistics.hpp"
#include "bench/timed_request.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;

struct Options {
    std::string launcher, probe, ours, json;
    int rounds = 60;
};

/// A stage of one of the two processes; the same name may come several times.
struct Stage {
    char process;
    std::string name;
    int occurrence;
    friend auto operator<=>(const Stage&, const Stage&) = default;
};

using Stages = std::map<Stage, std::vector<double>>;

/// Takes the upcalls of a file apart.
Stages read_stages(const std::string& path) {
    constexpr double kNanoseconds = 1000;
    Stages stages;
    std::ifstream file(path);
    std::map<Stage, double> upcall;
    const auto flush = [&] {
        double begin = 0;
        for (const char* name : {"loaded", "front-end-began"})
            if (const auto found = upcall.find({'b', name, 0}); found != upcall.end()) begin = found->second;
        for (const auto& [stage, time] : upcall)
            if (begin > 0 && time >= begin) stages[stage].push_back((time - begin) / kNanoseconds);
        upcall.clear();
    };
    for (std::string line; std::getline(file, line);) {
        if (line == "-") {
            flush();
            continue;
        }
        std::istringstream words(line);
        Stage stage{};
        double time = 0;
        if (!(words >> stage.process >> stage.name >> time)) continue;
        while (upcall.contains(stage)) ++stage.occurrence;
        upcall[stage] = time;
    }
    return stages;
}

std::string table_of(const Stages& stages, std::size_t rounds, std::string& json) {
    std::string text;
    json = "[";
    for (const char process : {'b', 'w'}) {
        std::vector<std::pair<double, std::string>> rows;
        for (const auto& [stage, times] : stages)
            if (stage.process == process && times.size() * 2 > rounds)
                rows.emplace_back(median(times), stage.occurrence == 0 ? stage.name
                                                                       : fmt::format("{} {}", stage.name,
                                                                                     stage.occurrence + 1));
        std::ranges::sort(rows);
        double before = 0;
        text += process == 'b' ? "broker\n" : "worker\n";
        for (const auto& [time, name] : rows) {
            text += fmt::format("  {:24} at {:6.0f}  after {:6.0f}\n", name, time, time - before);
            json += fmt::format("{}\n  {{\"process\": \"{}\", \"stage\": \"{}\", \"at_us\": {:.0f}}}",
                                json.size() > 1 ? "," : "", process == 'b' ? "broker" : "worker", name, time);
            before = time;
        }
    }
    json += "]";
    return text;
}

int run(const Options& options) {
    constexpr int kWarmUp = 3;
    auto realm = must(nsupcall::test::Realm::start());
    must(realm.add_user("alice"));
    const auto scenario = must(make_scenario("mount-namespace", realm));
    const auto records = must(RecordFolder::create());
    const auto folder = must(nsupcall::test::TempDir::create());
    const auto stamps = (folder.path() / "stamps").string(), report = (folder.path() / "report").string();
    const bool by_engine = options.ours == "engine";
    const std::vector<std::string> preload = {"LD_PRELOAD=" + options.probe, "STAGE_PROBE_FILE=" + stamps,
                                              std::string("STAGE_PROBE_ENGINE=") + (by_engine ? "1" : "0")};
    std::optional<BenchEngine> engine;
    SideSpec ours{"nsupcall, helper", options.ours, {"--test-type=cifs.spnego", "%k"}, SideKind::our_helper};
    if (by_engine) {
        engine.emplace(must(BenchEngine::start(BenchEngine::Priority::real_time, {"--idle=2"}, preload)));
        ours = engine->side("nsupcall, engine");
    }
    ours.add_options(records.options());
    ours.arguments.insert(ours.arguments.begin(), ours.program.string());
    if (!by_engine) {
        ours.arguments.insert(ours.arguments.begin(), preload.begin(), preload.end());
        ours.arguments.insert(ours.arguments.begin(), "/usr/bin/env");
    }
    ours.arguments.insert(ours.arguments.begin(), report);
    ours.program = options.launcher;
    must(nsupcall::test::write_file(report, ""));
    const auto side = must(Side::install(ours, scenario.pattern(realm, 1)));
    for (int round = -kWarmUp; round < options.rounds; ++round) {
        if (round == 0) (void)::unlink(stamps.c_str());
        const auto answer = timed_request(scenario.question(realm, 1));
        if (answer.error != 0) throw std::runtime_error("no answer: " + nsutil::errno_name(answer.error));
        ::usleep(20'000);  // a servant writes its stamps after the answer
    }
    std::string json;
    fmt::print("{}, microseconds, medians of {}\n{}", side.spec().name, options.rounds,
               table_of(read_stages(stamps), static_cast<std::size_t>(options.rounds), json));
    if (!options.json.empty())
        must(nsupcall::test::write_file(
            options.json, fmt::format("{{\"side\": \"{}\", \"stages\": {}}}\n", side.spec().name, json),
            0644));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view word = argv[at];
        if (word == "--launcher") options.launcher = argv[at + 1];
        if (word == "--probe") options.probe = argv[at + 1];
        if (word == "--ours") options.ours = argv[at + 1];
        if (word == "--json") options.json = argv[at + 1];
        if (word == "--rounds") options.rounds = std::atoi(argv[at + 1]);
    }
    if (options.launcher.empty() || options.probe.empty() || options.ours.empty() || options.rounds < 1) {
        std::fputs(
            "usage: stage_bench --launcher PROGRAM --probe LIBRARY --ours engine|HELPER [--rounds N] [--json "
            "FILE]\n",
            stderr);
        return 2;
    }
    if (::geteuid() != 0) return 77;
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "stage_bench: {}\n", failed.what());
        return 2;
    }
}
