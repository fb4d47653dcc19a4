/// @file
/// What one upcall costs while the host grows: more keys, processes, mount namespaces, mounts, session
/// records, rules.
///
/// growth_bench --launcher PROGRAM --ours engine|HELPER [--rounds N] [--json FILE] [--share N] [AXIS...]
///
/// Prints the lower quartile of the life of the front end or helper (microseconds, at real-time priority) at
/// each size: what else the machine does can only add, and the sizes are measured one after the other. The
/// smallest is measured before and after the others, and ratios are to the mean of both, so that what changes
/// on the machine meanwhile shows as a difference of those two. --share N: sizes divided by N, for a try.
/// Exit status: 0; 77 it cannot run here; 2 it failed.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <vector>

#include "bench/bench_engine.hpp"
#include "bench/comparison.hpp"
#include "bench/growth_axis.hpp"
#include "bench/record_folder.hpp"
#include "bench/statistics.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;
using nsupcall::test::Realm;

constexpr const char* kEngine = "engine";

struct Options {
    std::string launcher, ours, json;
    std::vector<std::string> axes;
    int rounds = 60;
    unsigned share = 1;
};

struct Point {
    unsigned size;
    double microseconds;
};

double life(const Options& options, const Scenario& scenario, const Realm& realm,
            const std::vector<SideSpec>& sides) {
    // An engine's servants that were forked before are used up first: they know the rules as they were.
    constexpr int kUntimed = 10;
    (void)must(compare(scenario, realm, sides, kUntimed, options.launcher));
    const auto comparison = must(compare(scenario, realm, sides, options.rounds, options.launcher));
    return quantile(comparison.sides.front().lived, 0.25);
}

/// Measures along one axis. @return its JSON
std::string along(GrowthAxis& axis, const Options& options, const Scenario& scenario, const Realm& realm,
                  const RecordFolder& records) {
    std::optional<BenchEngine> engine;
    SideSpec ours{"nsupcall, helper", options.ours, {"--test-type=cifs.spnego", "%k"}, SideKind::our_helper};
    if (options.ours == kEngine) {
        // Where it reads the rules ahead, it must be from the same file.
        must(axis.shrink());
        engine.emplace(must(BenchEngine::start(BenchEngine::Priority::real_time, axis.options())));
        ours = engine->side("nsupcall, engine");
    }
    ours.add_options(records.options());
    ours.add_options(axis.options());
    const std::vector<SideSpec> sides = {
        ours, {"floor", "/bin/keyctl", {"negate", "%k", "1", "@s"}, SideKind::floor}};
    auto sizes = axis.sizes();
    for (auto& size : sizes) size = std::max(1U, size / options.share);
    std::vector<Point> points;
    const auto measure = [&](unsigned size) {
        must(axis.grow_to(size));
        points.push_back({size, life(options, scenario, realm, sides)});
    };
    for (const auto size : sizes) measure(size);
    must(axis.shrink());
    measure(sizes.front());
    const double base = (points.front().microseconds + points.back().microseconds) / 2;
    const double drift = points.back().microseconds / points.front().microseconds;
    points.pop_back();
    fmt::print("  {:34}", axis.title());
    std::string json =
        fmt::format("  {{\"axis\": \"{}\", \"title\": \"{}\", \"drift\": {:.3f}, \"points\": [", axis.name(),
                    axis.title(), drift);
    for (const auto& point : points) {
        fmt::print(" {:>6}: {:5.0f} us x {:.2f}", point.size, point.microseconds, point.microseconds / base);
        json += fmt::format("{}{{\"size\": {}, \"quartile_us\": {:.0f}, \"ratio\": {:.3f}}}",
                            &point == &points.front() ? "" : ", ", point.size, point.microseconds,
                            point.microseconds / base);
    }
    fmt::print("  (the first again: x {:.2f})\n", drift);
    (void)std::fflush(stdout);
    return json + "]}";
}

int run(const Options& options) {
    auto realm = must(Realm::start());
    must(realm.add_user("alice"));
    const auto scenario = must(make_scenario("mount-namespace", realm));
    const auto records = must(RecordFolder::create());
    const char* side = options.ours == kEngine ? "nsupcall, engine" : "nsupcall, helper";
    fmt::print("growth, {}: lower quartile of its life, cached ticket, mount namespace\n", side);
    std::string json = fmt::format("{{\"side\": \"{}\", \"rounds\": {}, \"axes\": [\n", side, options.rounds);
    bool first = true;
    for (auto& axis : growth_axes(scenario, records)) {
        if (!options.axes.empty() && std::ranges::find(options.axes, axis->name()) == options.axes.end())
            continue;
        json += (first ? "" : ",\n") + along(*axis, options, scenario, realm, records);
        first = false;
    }
    if (!options.json.empty()) must(nsupcall::test::write_file(options.json, json + "\n]}\n", 0644));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string_view word = argv[at];
        if (!word.starts_with("--")) {
            options.axes.emplace_back(word);
            continue;
        }
        if (++at == argc) break;
        if (word == "--launcher") options.launcher = argv[at];
        if (word == "--ours") options.ours = argv[at];
        if (word == "--json") options.json = argv[at];
        if (word == "--rounds") options.rounds = std::atoi(argv[at]);
        if (word == "--share") options.share = static_cast<unsigned>(std::max(1, std::atoi(argv[at])));
    }
    if (options.launcher.empty() || options.ours.empty() || options.rounds < 1) {
        std::fputs(
            "usage: growth_bench --launcher PROGRAM --ours engine|HELPER [--rounds N] [--json FILE]\n"
            "                    [--share N] [keys|processes|namespaces|mounts|sessions|rules...]\n",
            stderr);
        return 2;
    }
    if (::geteuid() != 0) return 77;
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "growth_bench: {}\n", failed.what());
        return 2;
    }
}
