/// @file
/// What it costs to find a session's namespaces where no anchor helps: 5,000 processes in 1,000 mount
/// namespaces.
///
///   session_scan [--most-ms=100] [--namespaces=1000] [--processes=5000]
///
/// Prints the fastest of some runs for each way, and fails where one is slower than allowed. The fastest
/// counts since everything else on the machine can only add to it; a machine that is slower than most
/// (machine_pace.hpp) is given time in proportion.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <string_view>
#include <vector>

#include "crowd.hpp"
#include "machine_pace.hpp"
#include "session/living_place.hpp"
#include "session/mount_search.hpp"

namespace {

using namespace nsupcall;
using test::allowance, test::basket_ms;
using test::Crowd;
using Clock = std::chrono::steady_clock;

struct Settings {
    double most_ms = 100;
    int namespaces = 1000;
    int processes = 5000;
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

double fastest_ms(const std::function<bool()>& run) {
    constexpr int kRuns = 15;
    double fastest = 1e9;
    for (int i = 0; i < kRuns; ++i) {
        const auto begin = Clock::now();
        if (!run()) return -1;
        fastest = std::min(fastest, std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    }
    return fastest;
}

}  // namespace

int main(int argc, char** argv) {
    constexpr int kSkip = 77;
    const auto settings = parse(argc, argv);
    if (::geteuid() != 0) return fmt::print(stderr, "session_scan: must be root\n"), kSkip;
    const auto own = nsutil::NamespaceView::own();
    if (!own) return fmt::print(stderr, "session_scan: {}\n", own.error().text()), 1;
    const Crowd crowd(settings.namespaces, settings.processes / settings.namespaces);
    if (!crowd.complete()) return fmt::print(stderr, "session_scan: cannot start so many processes\n"), 1;

    const auto living = LivingProcess::open(crowd.last(), *own);
    if (!living) return fmt::print(stderr, "session_scan: {}\n", living.error().text()), 1;
    SessionRecord there;
    there.place = living->place;
    there.anchor = {living->task.tid(), living->start_ticks};
    SessionRecord gone = there;
    gone.place.view.ids[0].inode = 1;
    gone.anchor = {};
    // A kernel without numbers for namespaces believes the anchor alone here: take it away only where it does
    // not.
    SessionRecord moved = there;
    if (there.place.serials.mount != 0) moved.anchor = {};
    const auto deadline = [] { return nsutil::Deadline::after(std::chrono::seconds(10)); };
    const auto find = [&](const SessionRecord& record, bool expected) {
        const SessionRecord* one[] = {&record};
        const auto search = find_living(one, *own, deadline());
        return search.complete && search.found[0].has_value() == expected;
    };
    const SessionKey key{"nowhere.lab.test", "192.0.2.1", "", 4000000000U, false};
    const std::pair<const char*, std::function<bool()>> ways[] = {
        {"record, anchor alive", [&] { return find(there, true); }},
        {"record, anchor gone", [&] { return find(moved, true); }},
        {"record, container gone", [&] { return find(gone, false); }},
        {"no record: mount tables",
         [&] {
             const auto holders = find_holders(key, *own, deadline());
             return holders && holders->complete && !holders->host && holders->others == 0;
         }},
    };
    const double basket = basket_ms(), most_ms = settings.most_ms * allowance(basket);
    fmt::print(
        "{} processes in {} mount namespaces; the machine's own basket takes {:.0f} ms; at most {:.0f} ms; "
        "fastest run:\n",
        settings.processes, settings.namespaces, basket, most_ms);
    int status = 0;
    for (const auto& [name, run] : ways) {
        const double ms = fastest_ms(run);
        const bool good = ms >= 0 && ms < most_ms;
        fmt::print("  {:26} {:8.2f} ms{}\n", name, ms, ms < 0 ? "  wrong result" : good ? "" : "  too slow");
        if (!good) status = 1;
    }
    return status;
}
