/// @file
/// What `nsupcall map` costs on a full host: 5,000 processes in 1,000 mount namespaces, each with a user of
/// its own who has a ticket.
///
///   map_bench [--most-ms=1000] [--namespaces=1000] [--processes=5000]
///
/// Runs the command a few times and fails where the fastest run is slower than allowed, or where it did not
/// see every credential. The fastest counts since everything else on the machine can only add to it.

#include <fmt/format.h>
#include <sys/mount.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "../admin/made_ccache.hpp"
#include "crowd.hpp"
#include "support/process.hpp"

namespace {

using namespace nsupcall::test;
using Clock = std::chrono::steady_clock;

constexpr int kFirstUid = 1'100'000;

struct Settings {
    double most_ms = 1000;
    int namespaces = 1000, processes = 5000;
};

Settings parse(int argc, char** argv) {
    Settings settings;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        const double value = std::atof(word.substr(std::min(word.find('=') + 1, word.size())).data());
        if (word.starts_with("--most-ms=")) settings.most_ms = value;
        if (word.starts_with("--namespaces=")) settings.namespaces = static_cast<int>(value);
        if (word.starts_with("--processes=")) settings.processes = static_cast<int>(value);
    }
    return settings;
}

/// A /tmp with a ticket, and a user of its own.
bool furnish(const std::string& ccache, int number) {
    const auto uid = static_cast<uid_t>(kFirstUid + number);
    if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("tmpfs", "/tmp", "tmpfs", 0, "size=64k,mode=1777") != 0 || ::setresgid(uid, uid, uid) != 0 ||
        ::setresuid(uid, uid, uid) != 0)
        return false;
    (void)::prctl(PR_SET_DUMPABLE, 1);
    std::ofstream file(fmt::format("/tmp/krb5cc_{}", uid), std::ios::binary);
    return static_cast<bool>(file << ccache << std::flush);
}

/// How many of the crowd's users have a valid ticket in the map.
int tickets_in(const std::string& json, const Settings& settings) {
    int found = 0;
    const auto document = nlohmann::json::parse(json);
    for (const auto& place : document["places"])
        for (const auto& user : place["users"]) {
            const int uid = user["uid"];
            if (uid < kFirstUid || uid >= kFirstUid + settings.namespaces) continue;
            for (const auto& credential : user["credentials"])
                found += credential["state"] == "valid" ? 1 : 0;
        }
    return found;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr int kSkip = 77, kRuns = 9;
    const auto settings = parse(argc, argv);
    if (::geteuid() != 0) return fmt::print(stderr, "map_bench: must be root\n"), kSkip;
    const auto ccache = made_ccache("alice", 36000);
    const Crowd crowd(settings.namespaces, settings.processes / settings.namespaces,
                      [&](int number) { return furnish(ccache, number); });
    if (!crowd.complete()) return fmt::print(stderr, "map_bench: cannot start so many processes\n"), 1;
    double fastest_ms = 1e9;
    int tickets = 0;
    for (int run = 0; run < kRuns; ++run) {
        const auto begin = Clock::now();
        const auto finished =
            run_program({.argv = {NSUPCALL_COMMAND_PATH, "map", "--json", "--session-dir=/nonexistent"}});
        const double took = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
        if (!finished || finished->exit_code != 0)
            return fmt::print(stderr, "map_bench: {}\n",
                              finished ? finished->output.substr(0, 2000) : finished.error().text()),
                   1;
        tickets = tickets_in(finished->output, settings);
        if (tickets != settings.namespaces)
            return fmt::print(stderr, "map_bench: {} tickets seen, not {}: {}\n", tickets,
                              settings.namespaces, finished->output.substr(0, 2000)),
                   1;
        fastest_ms = std::min(fastest_ms, took);
    }
    fmt::print("{} processes in {} mount namespaces, {} tickets: fastest of {} runs {:.0f} ms\n",
               settings.processes, settings.namespaces, tickets, kRuns, fastest_ms);
    return fastest_ms < settings.most_ms ? 0 : 1;
}
