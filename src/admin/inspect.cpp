/// @file
/// nsupcall inspect: what a process looks like to an upcall.

#include <sys/types.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "admin/inspect_report.hpp"
#include "admin/inspect_text.hpp"
#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {
namespace {

struct Options {
    std::vector<pid_t> pids;
    bool json = false;
};

int run(const Options& options) {
    const auto workloads = Workloads::load();
    std::vector<InspectReport> reports;
    reports.reserve(options.pids.size());
    for (const auto pid : options.pids) reports.push_back(inspect(pid, workloads));
    std::string text;
    if (options.json) {
        text = print_json(inspect_json(reports)) + "\n";
    } else {
        const auto painter = Painter::for_output(STDOUT_FILENO);
        for (const auto& report : reports) text += (text.empty() ? "" : "\n") + inspect_text(report, painter);
    }
    if (std::fputs(text.c_str(), stdout) < 0) return kExitUnknown;
    const bool all = std::ranges::all_of(
        reports, [](const InspectReport& one) { return one.problem.empty() && one.unseen.empty(); });
    return all ? kExitGood : kExitUnknown;
}

}  // namespace

void add_inspect(CLI::App& app, int& status) {
    auto* inspect = app.add_subcommand("inspect", "Namespaces, id maps, SMB mounts, keyrings of processes");
    auto options = std::make_shared<Options>();
    inspect->add_option("PID", options->pids, "Processes or threads, as this host numbers them")
        ->required()
        ->check(CLI::Range(1, 0x7fffffff));
    inspect->add_flag("--json", options->json, "JSON (inspect.schema.json)");
    inspect->callback([options, &status] { status = run(*options); });
}

}  // namespace nsupcall::admin
