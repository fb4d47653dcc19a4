#include "bench/comparison.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include "bench/statistics.hpp"
#include "bench/timed_request.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

constexpr int kWarmUpRounds = 3;

std::string problem_of(const SideSpec& side, const TimedAnswer& answer) {
    if (side.answers()) return answer.error == 0 ? "" : nsutil::errno_name(answer.error);
    return answer.error == ENOKEY ? "" : "an answer where none can be";
}

/// The line that the launcher has added to its report, in microseconds.
std::optional<double> last_report(const std::string& path) {
    std::ifstream file(path);
    std::optional<double> last;
    constexpr double kNanosecondsPerMicrosecond = 1000;
    for (double value = 0; file >> value;) last = value / kNanosecondsPerMicrosecond;
    return last;
}

}  // namespace

Result<Comparison> compare(const Scenario& scenario, const test::Realm& realm,
                           const std::vector<SideSpec>& of_tokens, int rounds, const std::string& launcher) {
    Comparison result{scenario.name, scenario.title, {}, {}};
    std::vector<Side> installed;
    const std::string report = (realm.folder() / "launcher.report").string();
    const auto sides = scenario.sides(of_tokens);
    for (auto spec : sides) {
        const auto number = static_cast<unsigned>(installed.size()) + 1;
        spec.arguments.insert(spec.arguments.begin(), {report, spec.program.string()});
        spec.program = launcher;
        auto side = Side::install(spec, scenario.pattern(realm, number));
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
            if (auto emptied = test::write_file(report, ""); !emptied) return nsutil::propagate(emptied);
            const auto answer = timed_request(scenario.question(realm, static_cast<unsigned>(at) + 1));
            auto problem = problem_of(spec, answer);
            if (problem.empty() && spec.answers() && round == -kWarmUpRounds)
                problem = scenario.problem_of(answer.payload, realm);
            if (problem.empty()) {
                const auto lived = last_report(report);
                if (!lived) return nsutil::fail(EPROTO, "the launcher wrote no report");
                if (round < 0) continue;
                of_side.waited.push_back(answer.microseconds);
                of_side.lived.push_back(*lived);
                continue;
            }
            if (spec.ours() || round >= 0)
                return nsutil::fail(
                    EPROTO, fmt::format("{}: {} in round {}: {}", scenario.name, spec.name, round, problem));
            of_side.failure = std::move(problem);
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
