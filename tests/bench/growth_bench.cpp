/// @file
/// What one upcall costs while the host grows: more keys, processes, mount namespaces, mounts.
///
/// growth_bench --launcher PROGRAM --ours HELPER [--rounds N]
///
/// Prints the helper's median life (microseconds, at real-time priority) at each size, small and large sizes
/// of one thing measured one after the other. 77: it cannot run here.

#include <fmt/format.h>
#include <keyutils.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <vector>

#include "bench/comparison.hpp"
#include "bench/statistics.hpp"
#include "support/must.hpp"

namespace {

using namespace nsupcall::bench;
using namespace nsupcall::test;

struct Options {
    std::string launcher;
    std::vector<SideSpec> sides;
    int rounds = 60;
};

double life(const Options& options, const Scenario& scenario, const Realm& realm) {
    const auto comparison = must(compare(scenario, realm, options.sides, options.rounds, options.launcher));
    return median(comparison.sides.front().lived);
}

void report(const char* what, double small, double large) {
    fmt::print("  {:44} {:6.0f} -> {:6.0f} us  x {:.2f}\n", what, small, large, large / small);
    (void)std::fflush(stdout);
}

/// Children that sleep until killed.
class Crowd {
  public:
    explicit Crowd(int size) {
        for (int at = 0; at < size; ++at) {
            const pid_t pid = ::fork();
            if (pid < 0) break;
            if (pid == 0) {
                (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) ::pause();
            }
            pids_.push_back(pid);
        }
    }
    ~Crowd() {
        for (const pid_t pid : pids_) (void)::kill(pid, SIGKILL);
        for (const pid_t pid : pids_) (void)::waitpid(pid, nullptr, 0);
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    [[nodiscard]] std::size_t size() const { return pids_.size(); }

  private:
    std::vector<pid_t> pids_;
};

void with_keys(const Options& options, const Scenario& scenario, const Realm& realm, double small) {
    constexpr int kKeys = 10000;
    const auto ring = ::add_key("keyring", "nsupcall-growth", nullptr, 0, KEY_SPEC_PROCESS_KEYRING);
    int made = 0;
    while (ring >= 0 && made < kKeys &&
           ::add_key("user", fmt::format("growth-{}", made).c_str(), "x", 1, ring) >= 0)
        ++made;
    report(fmt::format("{} more keys in the keyrings", made).c_str(), small, life(options, scenario, realm));
    (void)::keyctl_unlink(ring, KEY_SPEC_PROCESS_KEYRING);
}

void with_namespaces(const Options& options, const Scenario& scenario, const Realm& realm, double small) {
    constexpr int kContainers = 500;
    std::vector<Container> containers;
    for (int at = 0; at < kContainers; ++at) containers.push_back(must(Container::start({})));
    report(fmt::format("{} more mount namespaces", containers.size()).c_str(), small,
           life(options, scenario, realm));
}

void with_mounts(const Options& options, const Scenario& scenario, const Realm& realm, double small) {
    constexpr int kMounts = 5000;
    const auto code = must(scenario.container.run(
        [] {
            if (::mkdir("/tmp/many", 0755) != 0) return 1;
            for (int at = 0; at < kMounts; ++at)
                if (::mount("/tmp/many", "/tmp/many", nullptr, MS_BIND, nullptr) != 0) return 2;
            return 0;
        },
        0, 0));
    if (code != 0) throw std::runtime_error("the mounts could not be made");
    report(fmt::format("{} more mounts in the requester's table", kMounts).c_str(), small,
           life(options, scenario, realm));
}

int run(const Options& options) {
    auto realm = must(Realm::start());
    must(realm.add_user("alice"));
    const auto scenario = must(make_scenario("mount-namespace", realm));
    fmt::print("growth: the helper's median life, cached ticket, mount namespace\n");
    with_keys(options, scenario, realm, life(options, scenario, realm));
    {
        constexpr int kProcesses = 3000;
        const double small = life(options, scenario, realm);
        const Crowd crowd(kProcesses);
        report(fmt::format("{} more processes", crowd.size()).c_str(), small, life(options, scenario, realm));
    }
    with_namespaces(options, scenario, realm, life(options, scenario, realm));
    with_mounts(options, scenario, realm, life(options, scenario, realm));
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view word = argv[at];
        if (word == "--launcher") options.launcher = argv[at + 1];
        if (word == "--ours")
            options.sides.push_back({"nsupcall", argv[at + 1], {"--test-type=cifs.spnego", "%k"}});
        if (word == "--rounds") options.rounds = std::atoi(argv[at + 1]);
    }
    if (options.launcher.empty() || options.sides.size() != 1 || options.rounds < 1) {
        std::fputs("usage: growth_bench --launcher PROGRAM --ours HELPER [--rounds N]\n", stderr);
        return 2;
    }
    if (::geteuid() != 0) return 77;
    options.sides.push_back({"floor", "/bin/keyctl", {"negate", "%k", "1", "@s"}, false});
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "growth_bench: {}\n", failed.what());
        return 2;
    }
}
