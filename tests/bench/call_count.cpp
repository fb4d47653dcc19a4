#include "bench/call_count.hpp"

#include <cerrno>
#include <fstream>
#include <sstream>

#include "bench/timed_request.hpp"

namespace nsupcall::bench {

nsutil::Result<CallCount> count_calls(const Scenario& scenario, const test::Realm& realm, SideSpec ours) {
    constexpr unsigned kNumber = 90;  // beyond those of a comparison
    const std::string report = (realm.folder() / "calls").string();
    ours.arguments.insert(ours.arguments.begin(), scenario.helper_options.begin(),
                          scenario.helper_options.end());
    ours.arguments.insert(ours.arguments.begin(),
                          {"-f", "-qq", "--signal=none", "-o", report, ours.program.string()});
    ours.program = "/usr/bin/strace";
    auto side = Side::install(ours, realm.service_host(), kNumber);
    if (!side) return nsutil::propagate(side);
    const auto answer = timed_request(scenario.description(realm, side->address()));
    if (answer.error != 0) return nsutil::fail(answer.error, "no answer while system calls were counted");
    CallCount count;
    std::string broker;
    std::ifstream lines(report);
    for (std::string line; std::getline(lines, line);) {
        // A call that another process interrupts takes two lines: "unfinished", and "resumed" in brackets.
        if (line.find(" resumed>") != std::string::npos || line.find(" +++ ") != std::string::npos) continue;
        const auto pid = line.substr(0, line.find(' '));
        if (broker.empty()) broker = pid;
        ++(pid == broker ? count.broker : count.worker);
    }
    if (count.broker == 0 || count.worker == 0)
        return nsutil::fail(EPROTO, "strace saw no broker or no worker");
    return count;
}

nsutil::Result<CallCount> read_expected(const std::filesystem::path& file) {
    std::ifstream lines(file);
    if (!lines) return nsutil::fail(ENOENT, "no file " + file.string());
    CallCount expected;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string name;
        std::uint64_t value = 0;
        if (!(words >> name) || name[0] == '#' || !(words >> value)) continue;
        if (name == "broker") expected.broker = value;
        if (name == "worker") expected.worker = value;
    }
    if (expected.broker == 0 || expected.worker == 0)
        return nsutil::fail(EINVAL, file.string() + " lacks a figure");
    return expected;
}

bool within_slack(const CallCount& counted, const CallCount& expected) {
    constexpr std::uint64_t kPercent = 105;
    return counted.broker * 100 <= expected.broker * kPercent &&
           counted.worker * 100 <= expected.worker * kPercent;
}

}  // namespace nsupcall::bench
