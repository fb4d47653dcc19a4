#include "bench/comparison.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "bench/launched_side.hpp"
#include "bench/statistics.hpp"
#include "bench/timed_request.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

constexpr int kWarmUpRounds = 3;

}  // namespace

Result<Comparison> compare(const Scenario& scenario, const test::Realm& realm,
                           const std::vector<SideSpec>& of_tokens, int rounds, const std::string& launcher) {
    Comparison result{scenario.name, scenario.title, {}, {}};
    std::vector<LaunchedSide> installed;
    const auto sides = scenario.sides(of_tokens);
    for (const auto& spec : sides) {
        const auto number = static_cast<unsigned>(installed.size()) + 1;
        auto side = LaunchedSide::install(spec, scenario, realm, number, launcher);
        if (!side) return nsutil::propagate(side);
        installed.push_back(std::move(*side));
        result.sides.push_back({spec.name, spec.kind, {}, {}, {}, {}});
    }
    const auto bare_number = static_cast<unsigned>(sides.size()) + 1;
    auto bare = Side::install(sides.back(), scenario.pattern(realm, bare_number));
    if (!bare) return nsutil::propagate(bare);
    for (int round = -kWarmUpRounds; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < installed.size(); ++turn) {
            const auto at = (turn + static_cast<std::size_t>(round + kWarmUpRounds)) % installed.size();
            auto& of_side = result.sides[at];
            if (!of_side.failure.empty()) continue;
            const auto& spec = installed[at].spec();
            auto answer = installed[at].ask(round == -kWarmUpRounds);
            if (!answer) return nsutil::propagate(answer);
            if (answer->problem.empty()) {
                if (round < 0) continue;
                of_side.waited.push_back(answer->waited);
                of_side.lived.push_back(answer->lived);
                continue;
            }
            if (spec.ours() || round >= 0)
                return nsutil::fail(EPROTO, fmt::format("{}: {} in round {}: {}", scenario.name, spec.name,
                                                        round, answer->problem));
            of_side.failure = std::move(answer->problem);
        }
        const auto answer = timed_request(scenario.question(realm, bare_number));
        if (round >= 0) result.bare_floor.push_back(answer.microseconds);
    }
    return result;
}

std::vector<double> whole_upcalls(const Comparison& comparison, const SideResult& side) {
    const double besides =
        quantile(comparison.bare_floor, 0.1) - quantile(comparison.sides.back().lived, 0.1);
    auto whole = side.lived;
    for (auto& value : whole) value += besides;
    return whole;
}

std::string table_of(const Comparison& comparison) {
    std::string text = fmt::format("{}\n", comparison.title);
    const auto ours = whole_upcalls(comparison, comparison.sides.front());
    for (const auto& side : comparison.sides) {
        if (!side.failure.empty()) {
            text += fmt::format("  {:16} fails: {}\n", side.name, side.failure);
            continue;
        }
        const auto whole = whole_upcalls(comparison, side);
        text += fmt::format(
            "  {:16} median {:5.0f}  p95 {:5.0f} us  (helper alone {:5.0f}; waited, with all other load: "
            "{:6.0f})",
            side.name, median(whole), quantile(whole, 0.95), median(side.lived), median(side.waited));
        if (&side != &comparison.sides.front())
            text += "  ours / this: " + ratio_of_medians(ours, whole).text();
        for (const auto& [process, done] : side.work)
            text += fmt::format("\n                     {:8} {:4} calls {:5} KiB {:6.0f} us on a processor",
                                process, done.count, done.kib, done.cpu_us);
        text += '\n';
    }
    return text;
}

std::string json_of(const Comparison& comparison) {
    std::string text = fmt::format("{{\"scenario\": \"{}\", \"title\": \"{}\", \"sides\": [",
                                   comparison.scenario, comparison.title);
    const auto ours = whole_upcalls(comparison, comparison.sides.front());
    for (const auto& side : comparison.sides) {
        if (&side != &comparison.sides.front()) text += ", ";
        text += fmt::format("\n    {{\"name\": \"{}\", ", side.name);
        if (!side.failure.empty()) {
            text += fmt::format("\"fails\": \"{}\"}}", side.failure);
            continue;
        }
        const auto whole = whole_upcalls(comparison, side);
        const auto ratio = ratio_of_medians(ours, whole);
        text += fmt::format(
            "\"rounds\": {}, \"median_us\": {:.0f}, \"p95_us\": {:.0f}, \"helper_us\": {:.0f}, "
            "\"waited_us\": {:.0f}, "
            "\"ratio\": {:.3f}, \"ratio_low\": {:.3f}, \"ratio_high\": {:.3f}",
            whole.size(), median(whole), quantile(whole, 0.95), median(side.lived), median(side.waited),
            ratio.value, ratio.low, ratio.high);
        for (const auto& [process, done] : side.work)
            text += fmt::format(", \"{0}_calls\": {1}, \"{0}_kib\": {2}, \"{0}_cpu_us\": {3:.0f}", process,
                                done.count, done.kib, done.cpu_us);
        text += '}';
    }
    return text + "]}";
}

}  // namespace nsupcall::bench
