/// @file
/// The regression gate that no other load on the machine disturbs: system calls and instructions of the
/// processes of one fixed upcall (cached ticket, mount namespace).
///
/// work_gate --tracer PROGRAM --helper PROGRAM --expected FILE [--write]
///
/// --write: writes what it counted into FILE in place of comparing. Exit status: 0; 1 something is more than
/// 5 % above its figure; 2 it could not be counted; 77 it cannot run here.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <string_view>
#include <utility>

#include "bench/record_folder.hpp"
#include "bench/work_count.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace {

using namespace nsupcall::bench;
using nsupcall::test::must;

struct Options {
    std::string tracer, helper, expected;
    bool write = false;
};

WorkCounts count_all(const Options& options) {
    auto realm = must(nsupcall::test::Realm::start());
    must(realm.add_user("alice"));
    const auto scenario = must(make_scenario("mount-namespace", realm));
    const auto records = must(RecordFolder::create());
    SideSpec helper{"helper",
                    std::filesystem::absolute(options.helper),
                    {"--test-type=cifs.spnego", "%k"},
                    SideKind::our_helper};
    helper.add_options(records.options());
    WorkCounts counts;
    // The first upcall of all makes the folders and the session's record; what every later one does is
    // counted.
    for (const auto unit : {WorkUnit::calls, WorkUnit::calls, WorkUnit::instructions}) {
        const std::pair<const char*, Work> ways[] = {
            {"helper", must(count_helper(scenario, realm, options.tracer, helper, unit))},
            {"engine", must(count_engine(scenario, realm, options.tracer, records.options(), unit))}};
        for (const auto& [way, work] : ways)
            for (const auto& [process, done] : work)
                counts[fmt::format("{} {} {}", way, process, unit_name(unit))] = done.count;
    }
    return counts;
}

int run(const Options& options) {
    const auto counted = count_all(options);
    if (options.write) {
        std::string text =
            "# What the processes of one upcall execute (cached ticket, mount namespace): system calls from "
            "execve on,\n"
            "# instructions (x86-64, Debian 12) from the program's entry point on, those of its libraries "
            "included;\n"
            "# of the servant from its wait for a request on. A change that needs more than 5 % above these "
            "changes\n"
            "# them too (tests/bench/run --count), and says why.\n";
        for (const auto& [name, value] : counted) text += fmt::format("{} {}\n", name, value);
        must(nsupcall::test::write_file(options.expected, text, 0644));
        std::fputs(text.c_str(), stdout);
        return 0;
    }
    std::string report;
    const bool good = within_slack(counted, must(read_counts(options.expected)), report);
    std::fputs(report.c_str(), stdout);
    return good ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int at = 1; at < argc; ++at) {
        const std::string_view word = argv[at];
        if (word == "--write") options.write = true;
        if (at + 1 == argc) continue;
        if (word == "--tracer") options.tracer = argv[at + 1];
        if (word == "--helper") options.helper = argv[at + 1];
        if (word == "--expected") options.expected = argv[at + 1];
    }
    if (options.tracer.empty() || options.helper.empty() || options.expected.empty()) {
        std::fputs("usage: work_gate --tracer PROGRAM --helper PROGRAM --expected FILE [--write]\n", stderr);
        return 2;
    }
    utsname machine = {};
    (void)::uname(&machine);
    if (::geteuid() != 0 || ::access("/sbin/request-key", X_OK) != 0 ||
        std::string_view(machine.machine) != "x86_64") {
        std::fputs("work_gate: needs root, request-key(8) and an x86-64 processor\n", stderr);
        return 77;
    }
    try {
        return run(options);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "work_gate: {}\n", failed.what());
        return 2;
    }
}
