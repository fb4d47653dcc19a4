/// @file
/// What one upcall costs while the host grows: more keys, processes, mount namespaces, mounts, session
/// records, rules.
///
/// growth_bench --launcher PROGRAM --ours engine|HELPER [--quick] [--at-most RATIO] [--json FILE] [AXIS...]
///
/// Prints the life of the front end or helper (microseconds, at real-time priority) at each size, and its
/// ratio to that at the smallest with a 95 % interval, measured in pairs (growth_row.hpp). --quick: the
/// smallest and the largest size alone (on the host no more than a thousand), few rounds. --at-most: what no
/// row may cost more than; it fails only with its whole interval, in three tries.
/// Exit status: 0; 1 a row grows; 77 it cannot run here; 2 it failed.

#include "bench/growth_axis.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/growth_row.hpp"
#include "bench/record_folder.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;
using nsupcall::test::Realm;

struct Options {
    GrowthOptions growth;
    std::string json;
    std::vector<std::string> axes;
    std::optional<double> at_most;
};

void print(const GrowthRow& row) {
    fmt::print("  {:33}", row.title);
    for (const auto& point : row.points) {
        fmt::print(" {:>6}: {:5.0f} us", point.size, point.microseconds);
        if (&point == &row.points.front()) continue;
        fmt::print(" x {}", point.to_smallest.text());
        if (!row.side_by_side) fmt::print(" floor x {:.2f}", point.of_floor.value);
    }
    fmt::print("\n");
    (void)std::fflush(stdout);
}

std::string json_of(const GrowthRow& row) {
    std::string json =
        fmt::format("  {{\"axis\": \"{}\", \"title\": \"{}\", \"side_by_side\": {}, \"points\": [", row.name,
                    row.title, row.side_by_side);
    for (const auto& point : row.points)
        json += fmt::format(
            "{}{{\"size\": {}, \"median_us\": {:.0f}, \"ratio\": {:.3f}, \"ratio_low\": {:.3f}, "
            "\"ratio_high\": {:.3f}, \"floor_ratio\": {:.3f}}}",
            &point == &row.points.front() ? "" : ", ", point.size, point.microseconds,
            point.to_smallest.value, point.to_smallest.low, point.to_smallest.high, point.of_floor.value);
    return json + "]}";
}

int run(const Options& options) {
    auto realm = must(Realm::start());
    must(realm.add_user("alice"));
    const auto scenario = must(make_scenario("mount-namespace", realm));
    const auto records = must(RecordFolder::create());
    const char* side = options.growth.ours == "engine" ? "nsupcall, engine" : "nsupcall, helper";
    fmt::print("growth, {}: median of its life, cached ticket, mount namespace\n", side);
    std::string json = fmt::format("{{\"side\": \"{}\", \"axes\": [\n", side);
    bool first = true, flat = true;
    for (auto& axis : growth_axes(scenario, records, realm)) {
        if (!options.axes.empty() && std::ranges::find(options.axes, axis->name()) == options.axes.end())
            continue;
        constexpr int kTries = 3;
        auto row = must(measure_growth(*axis, options.growth, realm));
        print(row);
        for (int at = 1; options.at_most && at < kTries && row.grown(*options.at_most) != nullptr; ++at) {
            row = must(measure_growth(*axis, options.growth, realm));
            print(row);
        }
        const auto* grown = options.at_most ? row.grown(*options.at_most) : nullptr;
        if (grown != nullptr)
            fmt::print("  {}: {} of them cost more than {} times as much\n", row.title, grown->size,
                       *options.at_most);
        flat = flat && grown == nullptr;
        json += (first ? "" : ",\n") + json_of(row);
        first = false;
    }
    if (!options.json.empty()) must(nsupcall::test::write_file(options.json, json + "\n]}\n", 0644));
    return flat ? 0 : 1;
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
        if (word == "--quick") {
            options.growth.rounds = 60;
            options.growth.cycles = 6;
            options.growth.rounds_in_cycle = 8;
            options.growth.ends_only = true;
            continue;
        }
        if (++at == argc) break;
        if (word == "--launcher") options.growth.launcher = argv[at];
        if (word == "--ours") options.growth.ours = argv[at];
        if (word == "--json") options.json = argv[at];
        if (word == "--at-most") options.at_most = std::atof(argv[at]);
    }
    if (options.growth.launcher.empty() || options.growth.ours.empty()) {
        std::fputs(
            "usage: growth_bench --launcher PROGRAM --ours engine|HELPER [--quick] [--at-most RATIO]\n"
            "                    [--json FILE] [keys|processes|namespaces|mounts|sessions|rules...]\n",
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
