/// @file
/// nsupcall explain: one upcall walked through without a key.

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "admin/explain_json.hpp"
#include "admin/explain_report.hpp"
#include "admin/explain_subject.hpp"
#include "admin/explain_text.hpp"
#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "privsep/examiner.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

struct Options {
    ExplainTarget target;
    std::string session_folder = SessionStore::kFolder;
    SpnegoOptions engine;
    bool ticket = false, no_environment = false, json = false;
};

int status_of(Prospect prospect) {
    switch (prospect) {
        case Prospect::succeeds:
            return kExitGood;
        case Prospect::fails:
            return kExitBad;
        case Prospect::unknown:
            break;
    }
    return kExitUnknown;
}

int run(Options& options) {
    const auto workloads = Workloads::load();
    const auto subject = find_subject(options.target, workloads);
    if (!subject) {
        (void)std::fprintf(stderr, "nsupcall explain: %s\n", escape(subject.error().text(), 1024).c_str());
        return kExitUnknown;
    }
    auto& engine = options.engine;
    engine.sessions = SessionStore(options.session_folder);
    engine.examine = options.ticket ? examine_with_ticket : examine_quietly;
    engine.probe_environment = !options.no_environment;
    auto report = explain(*subject, engine, workloads);
    report.with_ticket = options.ticket;
    const auto text = options.json
                          ? print_json(explain_json(report)) + "\n"
                          : explain_text(report, Painter::for_output(STDOUT_FILENO), std::time(nullptr));
    if (std::fputs(text.c_str(), stdout) < 0) return kExitUnknown;
    return status_of(report.prospect);
}

}  // namespace

void add_explain(CLI::App& app, int& status) {
    auto* explain = app.add_subcommand("explain", "Walk through one upcall, and say what would come of it");
    auto options = std::make_shared<Options>();
    auto& target = options->target;
    const std::array whom = {
        explain->add_option("--pid", target.tid, "A process or thread, as this host numbers them")
            ->check(CLI::Range(1, 0x7fffffff)),
        explain->add_option("--container", target.container,
                            "A container, by name or first digits of its id"),
        explain->add_option("--pod", target.pod, "A pod, as NAMESPACE/NAME or by its uid"),
        explain->add_option("--mount", target.mount, "A path on an SMB mount, which says the rest"),
        explain->add_option("--key", target.key, "A cifs.spnego key, by its serial number")
            ->check(CLI::Range(1, 0x7fffffff))};
    explain->add_option("--host", target.host, "The server; else that of a mount or the last upcall");
    explain->add_option("--address", target.address, "Its address, for rules and -t");
    explain->add_option("--user", target.user, "username= of the mount");
    explain->add_option("--uid", target.host_uid, "Whose credentials: the uid on this host");
    explain->add_flag("--ticket", options->ticket, "Also ask the KDC for the ticket, as an upcall would");
    explain->add_flag("--json", options->json, "JSON (explain.schema.json)");
    // As cifs.upcall has them.
    explain->add_flag("-t,--trust-dns", options->engine.trust_dns, "Take the address's name for the server's");
    explain->add_flag("-l,--legacy-uid", options->engine.legacy_uid, "Of two uids take the mount's");
    explain->add_flag("-E,--no-env-probe", options->no_environment, "Do not look at KRB5CCNAME");
    explain->add_option("-k,--krb5conf", options->engine.krb5_conf, "The host's file instead");
    explain->add_option("-K,--keytab", options->engine.keytab, "The host's file instead");
    explain->add_option("--config", options->engine.config, "Rules")->capture_default_str();
    explain->add_option("--session-dir", options->session_folder, "Records")->capture_default_str();
    explain->add_option("--history-dir", target.history_folder, "Upcalls")->capture_default_str();
    explain->callback([options, &status, whom] {
        if (std::ranges::count_if(whom, [](const auto* option) { return option->count() > 0; }) != 1)
            throw CLI::RequiredError("One of --pid, --container, --pod, --mount and --key");
        status = run(*options);
    });
}

}  // namespace nsupcall::admin
