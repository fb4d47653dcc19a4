/// @file
/// Many containers ask at once: nothing may be lost or mixed up, and it must take no longer than with
/// cifs-utils.
///
/// storm_bench --ours engine|HELPER [--peer HELPER] [--case NAME] [--containers N] [--at-once N]
///             [--rounds N] [--at-least RATIO] [--json FILE]
///
/// Cases: cached (each container has its service ticket), kdc (each must ask the KDC), lossy (the same, with
/// a KDC that loses half of its answers), flood (cached, while 64 attackers send requests that are refused;
/// the ratio is to our own throughput without them). Each container has its own mount namespace with the
/// ticket of one of eight users, and asks once in each round. Both sides answer for all containers,
/// alternating in batches.
///
/// Exit status: 0; 1 the ratio of throughputs is below --at-least, in three tries, or the KDC was asked more
/// often than needed; 2 an answer lost or wrong; 77 it cannot run here.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>

#include "bench/attackers.hpp"
#include "bench/bench_engine.hpp"
#include "bench/lossy_kdc.hpp"
#include "bench/memory_watch.hpp"
#include "bench/record_folder.hpp"
#include "bench/statistics.hpp"
#include "bench/storm.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;
using nsupcall::test::Realm;

struct Options {
    std::string ours, peer = "/usr/sbin/cifs.upcall", which = "cached", json;
    std::size_t containers = 1000, at_once = 64;
    std::vector<std::string> engine_options;  ///< e.g. "--idle=64"
    int rounds = 1;
    std::optional<double> at_least;
};

constexpr unsigned kAttackers = 64;
constexpr unsigned kOurs = 1, kPeer = 2;  // numbers of sides

/// How often the KDC was asked for a ticket; a request that it gets twice counts once.
std::size_t questions_to(const Realm& realm) {
    const auto log = realm.kdc_log();
    std::size_t count = 0;
    for (const char* kind : {"TGS_REQ", "AS_REQ"})
        for (std::size_t at = log.find(kind); at != std::string::npos; at = log.find(kind, at + 1)) ++count;
    return count;
}

/// What one side came to.
struct Result {
    std::string name;
    Tally tally;
    std::size_t questions = 0;
};

std::string json_of(const Result& result) {
    return fmt::format(
        "{{\"name\": \"{}\", \"requests\": {}, \"lost\": {}, \"wrong\": {}, \"per_second\": {:.1f}, "
        "\"median_ms\": {:.0f}, \"p95_ms\": {:.0f}, \"kdc_questions\": {}}}",
        result.name, result.tally.all(), result.tally.lost, result.tally.wrong, result.tally.per_second(),
        median(result.tally.waited_ms), quantile(result.tally.waited_ms, 0.95), result.questions);
}

void print(const Result& result) {
    const auto& tally = result.tally;
    fmt::print(
        "  {:24} {} requests, lost {}{}, wrong {}, {:.0f} a second, median {:.0f} p95 {:.0f} ms, KDC asked "
        "{}\n",
        result.name, tally.all(), tally.lost, tally.first_error.empty() ? "" : " (" + tally.first_error + ")",
        tally.wrong, tally.per_second(), median(tally.waited_ms), quantile(tally.waited_ms, 0.95),
        result.questions);
    (void)std::fflush(stdout);
}

class Storm {
  public:
    explicit Storm(const Options& options) : options_(options) {
        for (std::size_t user = 0; user < kStormUsers; ++user) must(realm_.add_user(storm_user(user)));
        if (options.which == "lossy") lossy_.emplace(must(LossyKdc::start(realm_.kdc_port())));
        fleet_.emplace(must(Fleet::start(
            realm_, options.containers,
            {.service_ahead = !asks_kdc(), .kdc_port = lossy_ ? lossy_->port() : std::uint16_t{0}})));
        SideSpec ours{
            "nsupcall, helper", options.ours, {"--test-type=cifs.spnego", "%k"}, SideKind::our_helper};
        if (options.ours == "engine") {
            engine_.emplace(must(BenchEngine::start(BenchEngine::Priority::normal, options.engine_options)));
            ours = engine_->side("nsupcall, engine");
        }
        ours.add_options(records_.options());
        ours_.emplace(must(Side::install(ours, Side::token_pattern(realm_.service_host(), kOurs))));
        peer_.emplace(must(Side::install({"cifs-utils", options.peer, {"%k"}},
                                         Side::token_pattern(realm_.service_host(), kPeer))));
        if (flood())
            attackers_ = std::make_unique<Attackers>(kAttackers, [this](unsigned attacker, unsigned request) {
                // A second creduid=, as a user name that the kernel did not escape would bring in.
                return fmt::format(
                    "ver=0x2;host={};{};sec=krb5;uid=0x{:x};creduid=0x5;user=a;creduid=0x0;pid=0x1",
                    realm_.service_host(), Side::address_of(kOurs), (attacker << 16U) + request);
            });
    }

    /// One try. @return ours, and what it is compared with
    std::pair<Result, Result> run() {
        Result ours{ours_->spec().name, {}, 0};
        Result other{flood() ? ours.name + ", no attack" : "cifs-utils", {}, 0};
        bool ours_first = true;
        for (int round = 0; round < options_.rounds; ++round)
            for (std::size_t first = 0; first < fleet_->size(); first += options_.at_once) {
                const auto count = std::min(options_.at_once, fleet_->size() - first);
                if (ours_first) batch(first, count, true, ours);
                batch(first, count, false, other);
                if (!ours_first) batch(first, count, true, ours);
                ours_first = !ours_first;
            }
        return {std::move(ours), std::move(other)};
    }

    /// The most that our processes take while `at_once` requests are under way; of a batch that is not timed.
    MemoryPeak memory(bool of_ours) {
        Tally untimed;
        const auto& side = of_ours ? *ours_ : *peer_;
        const auto count = std::min(options_.at_once, fleet_->size());
        if (asks_kdc()) must(fleet_->restore(0, count));
        const auto before = all_processes();
        MemoryWatch watch([&] {
            auto pids = side.processes(before);
            if (of_ours && engine_) {
                const auto more = engine_->processes();
                pids.insert(pids.end(), more.begin(), more.end());
            }
            return pids;
        });
        must(fleet_->ask(0, count, of_ours ? kOurs : kPeer, realm_, untimed));
        return watch.stop();
    }

    [[nodiscard]] bool asks_kdc() const { return options_.which == "kdc" || options_.which == "lossy"; }
    [[nodiscard]] bool flood() const { return options_.which == "flood"; }
    [[nodiscard]] unsigned refused() const { return attackers_ ? attackers_->refused() : 0; }
    [[nodiscard]] unsigned fooled() const { return attackers_ ? attackers_->served() : 0; }

  private:
    void batch(std::size_t first, std::size_t count, bool of_ours, Result& result) {
        if (asks_kdc()) must(fleet_->restore(first, count));
        const auto before = questions_to(realm_);
        if (flood() && of_ours) {
            attackers_->go();
            (void)::usleep(100'000);  // until all of them are at it
        }
        must(fleet_->ask(first, count, of_ours || flood() ? kOurs : kPeer, realm_, result.tally));
        if (flood()) attackers_->rest();
        result.questions += questions_to(realm_) - before;
    }

    const Options& options_;
    Realm realm_ = must(Realm::start());
    RecordFolder records_ = must(RecordFolder::create());
    std::optional<LossyKdc> lossy_;
    std::optional<Fleet> fleet_;
    std::optional<BenchEngine> engine_;
    std::optional<Side> ours_, peer_;
    std::unique_ptr<Attackers> attackers_;
};

int run(const Options& options) {
    constexpr int kTries = 3;
    Storm storm(options);
    fmt::print("storm, {}: {} containers, {} at once\n", options.which, options.containers, options.at_once);
    int status = 0;
    std::string json;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        const auto [ours, other] = storm.run();
        const auto ratio = ratio_of_medians(ours.tally.rates, other.tally.rates);
        print(ours);
        print(other);
        fmt::print("  throughput by batches, ours / that: {}\n", ratio.text());
        json = fmt::format(
            "{{\"case\": \"{}\", \"containers\": {}, \"at_once\": {}, \"ratio\": {:.3f}, "
            "\"ratio_low\": {:.3f}, \"ratio_high\": {:.3f}, \"sides\": [\n"
            "    {},\n    {}]",
            options.which, options.containers, options.at_once, ratio.value, ratio.low, ratio.high,
            json_of(ours), json_of(other));
        if (ours.tally.lost + ours.tally.wrong > 0) return 2;
        const std::size_t needed = storm.asks_kdc() ? ours.tally.all() : 0;
        if (ours.questions > needed) {
            fmt::print("  the KDC was asked {} times where {} would do\n", ours.questions, needed);
            return 1;
        }
        if (storm.fooled() > 0) return 2;
        status = options.at_least && ratio.value < *options.at_least ? 1 : 0;
        if (status == 0) break;
    }
    if (storm.flood()) fmt::print("  {} forged requests refused\n", storm.refused());
    for (const bool of_ours : {true, false}) {
        const auto peak = storm.memory(of_ours);
        fmt::print("  {}: at most {} KiB in {} processes\n", of_ours ? "nsupcall" : "cifs-utils", peak.kib,
                   peak.processes);
        json += fmt::format(", \"{}_peak_kib\": {}, \"{}_processes\": {}", of_ours ? "our" : "peer", peak.kib,
                            of_ours ? "our" : "peer", peak.processes);
    }
    json += fmt::format(", \"refused\": {}}}\n", storm.refused());
    if (!options.json.empty()) must(nsupcall::test::write_file(options.json, json, 0644));
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view word = argv[at];
        if (word == "--ours") options.ours = argv[at + 1];
        if (word == "--peer") options.peer = argv[at + 1];
        if (word == "--case") options.which = argv[at + 1];
        if (word == "--json") options.json = argv[at + 1];
        if (word == "--containers") options.containers = std::strtoul(argv[at + 1], nullptr, 10);
        if (word == "--at-once") options.at_once = std::strtoul(argv[at + 1], nullptr, 10);
        if (word == "--engine-option") options.engine_options.emplace_back(argv[at + 1]);
        if (word == "--rounds") options.rounds = std::max(1, std::atoi(argv[at + 1]));
        if (word == "--at-least") options.at_least = std::strtod(argv[at + 1], nullptr);
    }
    const std::string_view cases[] = {"cached", "kdc", "lossy", "flood"};
    if (options.ours.empty() || options.containers == 0 || options.at_once == 0 ||
        std::ranges::find(cases, options.which) == std::end(cases)) {
        std::fputs(
            "usage: storm_bench --ours engine|HELPER [--peer HELPER] [--case cached|kdc|lossy|flood]\n"
            "                   [--containers N] [--at-once N] [--rounds N] [--at-least RATIO] [--json "
            "FILE]\n",
            stderr);
        return 2;
    }
    if (::geteuid() != 0 || ::access(options.peer.c_str(), X_OK) != 0) return 77;
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "storm_bench: {}\n", failed.what());
        return 2;
    }
}
