#include "bench/launched_side.hpp"

#include <cerrno>
#include <fstream>
#include <optional>
#include <utility>

#include "bench/timed_request.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

std::string problem_of(const SideSpec& side, const TimedAnswer& answer) {
    if (side.answers()) return answer.error == 0 ? "" : nsutil::errno_name(answer.error);
    return answer.error == ENOKEY ? "" : "an answer where none can be";
}

/// The line that the launcher has added to its report, in microseconds.
std::optional<double> last_report(const std::filesystem::path& path) {
    std::ifstream file(path);
    std::optional<double> last;
    constexpr double kNanosecondsPerMicrosecond = 1000;
    for (double value = 0; file >> value;) last = value / kNanosecondsPerMicrosecond;
    return last;
}

}  // namespace

Result<LaunchedSide> LaunchedSide::install(const SideSpec& spec, const Scenario& scenario,
                                           const test::Realm& realm, unsigned number,
                                           const std::string& launcher) {
    const auto report = realm.folder() / "launcher.report";
    auto launched = spec;
    launched.arguments.insert(launched.arguments.begin(), {report.string(), spec.program.string()});
    launched.program = launcher;
    auto side = Side::install(launched, scenario.pattern(realm, number));
    if (!side) return nsutil::propagate(side);
    return LaunchedSide(spec, std::move(*side), scenario, realm, number, report);
}

Result<LaunchedAnswer> LaunchedSide::ask(bool whole) const {
    if (auto emptied = test::write_file(report_, ""); !emptied) return nsutil::propagate(emptied);
    const auto answer = timed_request(scenario_->question(*realm_, number_));
    LaunchedAnswer result{answer.microseconds, 0, problem_of(spec_, answer)};
    if (result.problem.empty() && whole && spec_.answers())
        result.problem = scenario_->problem_of(answer.payload, *realm_);
    if (!result.problem.empty()) return result;
    const auto lived = last_report(report_);
    if (!lived) return nsutil::fail(EPROTO, "the launcher wrote no report");
    result.lived = *lived;
    return result;
}

}  // namespace nsupcall::bench
