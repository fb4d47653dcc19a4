/// @file
/// nsupcall install, uninstall, status: request-key's rules of this host, or of one below another root.

#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <string>

#include "admin/rule_check.hpp"
#include "admin/rule_file.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

struct Options {
    std::string root = "/", prefix;
    bool dry_run = false, replace_edited = false;
};

/// Where this program was installed to, by where it is; else by where it was built for.
std::string default_prefix() {
    std::array<char, 512> path = {};
    const auto size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
    const std::string program = size > 0 ? path.data() : "";
    const std::string own = "/" NSUPCALL_SBIN "/nsupcall";
    if (program.size() > own.size() && program.ends_with(own))
        return program.substr(0, program.size() - own.size());
    return NSUPCALL_PREFIX;
}

/// @return false: nobody reads it
bool say(const std::string& line) {
    return std::puts(escape(line, 1024).c_str()) >= 0;
}

void warn(const std::string& line) {
    (void)std::fprintf(stderr, "nsupcall: %s\n", escape(line, 1024).c_str());
}

int complain(const nsutil::Error& error, int status) {
    warn(error.text());
    return status;
}

void tell(const Result<std::vector<RuleStep>>& steps, const Options& options, const char* nothing) {
    for (const auto& step : *steps) (void)say((options.dry_run ? "would " : "") + step.text());
    if (steps->empty()) (void)say(nothing);
}

RuleFile::Act act_of(const Options& options) {
    return options.dry_run ? RuleFile::Act::only_plan : RuleFile::Act::really;
}

/// What stands in the way of an installation; empty where nothing does.
std::string obstacle(const NodeRoot& root, const std::string& helpers) {
    if (!RuleFile::is_plain_path(helpers))
        return helpers +
               " is no absolute path of plain characters, 100 at most: request-key could not be told it";
    for (const char* name : {"cifs.upcall", "cifs.idmap"}) {
        const auto path = helpers + "/" + name;
        if (!root.has_program(path))
            return path + " is not there: say with --prefix where nsupcall is installed";
        if (!is_our_helper(root, path))
            return path +
                   " is not nsupcall's (cifs-utils' has that name, too): say with --prefix where ours is";
    }
    return "";
}

int install(const Options& options) {
    const auto root = NodeRoot::open(options.root);
    if (!root) return complain(root.error(), kExitBad);
    const auto helpers = (options.prefix.empty() ? default_prefix() : options.prefix) + "/" NSUPCALL_HELPERS;
    if (const auto wrong = obstacle(*root, helpers); !wrong.empty()) {
        warn(wrong);
        return kExitBad;
    }
    const RuleFile rules(*root, RuleOwner::host);
    const auto text = RuleFile::text_for(RuleOwner::host, helpers);
    const bool edited = rules.state() == RuleState::edited && !options.replace_edited;
    const auto edits = options.replace_edited ? RuleFile::Edits::replace : RuleFile::Edits::keep;
    const auto steps = rules.install(text, edits, act_of(options));
    if (!steps) return complain(steps.error(), kExitBad);
    tell(steps, options,
         edited ? "the rules were edited and stay as they are (--replace-edited puts new ones there)"
                : "the rules are in place");
    if (options.dry_run) return kExitGood;
    if (!root->has_program("/sbin/request-key"))
        warn("there is no /sbin/request-key, which the kernel runs for every upcall: install keyutils");
    const auto findings = check_rules_win(*root);
    if (!findings) return complain(findings.error(), kExitGood);
    for (const auto& finding : *findings) warn(finding.text);
    return kExitGood;
}

int uninstall(const Options& options) {
    const auto root = NodeRoot::open(options.root);
    if (!root) return complain(root.error(), kExitBad);
    const auto steps = RuleFile(*root, RuleOwner::host).remove(act_of(options));
    if (!steps) return complain(steps.error(), kExitBad);
    tell(steps, options, "no rules of ours are there");
    return kExitGood;
}

int show(const Options& options) {
    const auto root = NodeRoot::open(options.root);
    if (!root) return complain(root.error(), kExitUnknown);
    const auto painter = Painter::for_output(STDOUT_FILENO);
    const auto state = RuleFile(*root, RuleOwner::host).state();
    const auto by_node = RuleFile(*root, RuleOwner::node).state();
    const bool node = by_node == RuleState::ours || by_node == RuleState::edited;
    (void)say(std::string(RuleFile::kFolder) + "/" + RuleFile::kFile + ": " +
              (node ? "by nsupcall node install" : rule_state_name(state)));
    const auto findings = check_rules_win(*root);
    if (!findings) return complain(findings.error(), kExitUnknown);
    int status = kExitGood;
    for (const auto& finding : *findings) {
        std::puts(
            painter.paint(finding.fatal ? Tone::bad : Tone::warning, escape(finding.text, 1024)).c_str());
        if (finding.fatal) status = kExitBad;
    }
    if (status == kExitGood) std::puts(painter.paint(Tone::good, "upcalls go to nsupcall").c_str());
    return status;
}

}  // namespace

void add_install(CLI::App& app, int& status) {
    auto options = std::make_shared<Options>();
    const auto with_root = [&](CLI::App* command) {
        command->add_option("--root", options->root, "The folder that is the machine's /")
            ->capture_default_str();
    };
    const auto with_dry_run = [&](CLI::App* command) {
        command->add_flag("-n,--dry-run", options->dry_run, "Say what would be done, and change nothing");
    };
    auto* installing = app.add_subcommand("install", "Put the request-key rules in place, beside cifs-utils");
    with_root(installing);
    with_dry_run(installing);
    installing->add_option("--prefix", options->prefix,
                           "Where nsupcall is: DIR/" NSUPCALL_HELPERS
                           "/cifs.upcall; default: by this program");
    installing->add_flag("--replace-edited", options->replace_edited, "Also where somebody has edited them");
    installing->callback([options, &status] { status = install(*options); });
    auto* removing = app.add_subcommand("uninstall", "Take them away, and bring back what was there before");
    with_root(removing);
    with_dry_run(removing);
    removing->callback([options, &status] { status = uninstall(*options); });
    auto* showing = app.add_subcommand("status", "Whether upcalls go to nsupcall: 0 they do, 1 not");
    with_root(showing);
    showing->callback([options, &status] { status = show(*options); });
}

}  // namespace nsupcall::admin
