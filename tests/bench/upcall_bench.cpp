/// @file
/// Whole upcalls through the running kernel's request_key(2), ours beside cifs-utils' and beside the floor (a
/// helper that does nothing but reject the key).
///
/// upcall_bench --launcher PROGRAM --ours HELPER [--peer NAME=HELPER]... [--rounds N] [--json FILE]
/// [--at-most RATIO] [SCENARIO...]
///
/// --expected FILE: also counts the system calls of one upcall of the first scenario; more than 5 % above the
/// file's figures is exit status 1.
/// --at-most: exit status 1 where our ratio to the first peer is above it in a scenario, after three tries
/// (other load on the machine makes single runs worthless). 77: it cannot run here. 2: something answered
/// wrongly.

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>

#include "bench/call_count.hpp"
#include "bench/comparison.hpp"
#include "bench/statistics.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;

struct Options {
    std::vector<SideSpec> sides;
    std::vector<std::string> scenarios;
    int rounds = 200;
    std::string json, launcher, expected;
    std::optional<double> at_most;
};

[[noreturn]] void usage() {
    std::fputs(
        "usage: upcall_bench --launcher PROGRAM --ours HELPER [--peer NAME=HELPER]... [--rounds N] [--json "
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
            options.sides.insert(options.sides.begin(),
                                 {"nsupcall", value, {"--test-type=cifs.spnego", "%k"}});
        else if (word == "--peer" && equals != std::string::npos)
            options.sides.push_back({value.substr(0, equals), value.substr(equals + 1), {"%k"}});
        else if (word == "--rounds")
            options.rounds = std::atoi(value.c_str());
        else if (word == "--launcher")
            options.launcher = value;
        else if (word == "--expected")
            options.expected = value;
        else if (word == "--json")
            options.json = value;
        else if (word == "--at-most")
            options.at_most = std::strtod(value.c_str(), nullptr);
        else
            usage();
    }
    if (options.sides.empty() || options.sides.front().name != "nsupcall" || options.rounds < 1 ||
        options.launcher.empty())
        usage();
    options.sides.push_back({"floor", "/bin/keyctl", {"negate", "%k", "1", "@s"}, false});
    if (options.scenarios.empty()) options.scenarios = scenario_names();
    return options;
}

/// Whether the first peer was beaten by enough.
bool within(const Comparison& comparison, double at_most) {
    const auto& peer = comparison.sides.at(1);
    if (!peer.failure.empty() || !peer.answers) return true;
    const auto ratio = ratio_of_medians(whole_upcalls(comparison, comparison.sides.front()),
                                        whole_upcalls(comparison, peer));
    return ratio.value <= at_most;
}

/// Whether one upcall makes no more system calls than allowed; true where nothing is to be counted.
bool few_calls(const Options& options, const Scenario& scenario, const nsupcall::test::Realm& realm) {
    if (options.expected.empty()) return true;
    const auto counted = must(count_calls(scenario, realm, options.sides.front()));
    const auto expected = must(read_expected(options.expected));
    fmt::print("system calls, {}: broker {} (expected {}), worker {} (expected {})\n", scenario.name,
               counted.broker, expected.broker, counted.worker, expected.worker);
    return within_slack(counted, expected);
}

int run(const Options& options) {
    constexpr int kTries = 3;
    auto realm = must(nsupcall::test::Realm::start());
    must(realm.add_user("alice"));
    std::string json = "[";
    bool slow = false;
    for (const auto& name : options.scenarios) {
        const auto scenario = must(make_scenario(name, realm));
        if (&name == &options.scenarios.front() && !few_calls(options, scenario, realm)) slow = true;
        std::optional<Comparison> comparison;
        for (int attempt = 0; attempt < kTries; ++attempt) {
            comparison = must(compare(scenario, realm, options.sides, options.rounds, options.launcher));
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
    for (const auto& side : options.sides)
        if (::access(side.program.c_str(), X_OK) != 0) {
            fmt::print(stderr, "upcall_bench: {} is missing\n", side.program.string());
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
