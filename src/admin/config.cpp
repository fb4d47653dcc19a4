/// @file
/// nsupcall config check: what is wrong with nsupcall.conf, with file and line.

#include <unistd.h>

#include <cstdio>
#include <memory>
#include <string>

#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "rules/checker.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

int check(const std::string& path) {
    const auto rules = RuleSet::load(path);
    const auto findings = check_rules(rules);
    const auto painter = Painter::for_output(STDOUT_FILENO);
    for (const auto& finding : findings)
        std::puts(painter.paint(Tone::bad, escape(describe(finding), 1024)).c_str());
    if (findings.empty())
        std::printf("%s: %zu rule%s, no errors\n", escape(path).c_str(), rules.rules().size(),
                    rules.rules().size() == 1 ? "" : "s");
    return findings.empty() ? kExitGood : kExitBad;
}

}  // namespace

void add_config(CLI::App& app, int& status) {
    auto* config = app.add_subcommand("config", "Check nsupcall.conf(5)");
    config->require_subcommand(1);
    auto* checking =
        config->add_subcommand("check", "Print what is wrong, with file and line; 1 where anything is");
    auto path = std::make_shared<std::string>(kConfigPath);
    checking->add_option("--config", *path, "The file; its folder is the same with .d behind")
        ->capture_default_str();
    checking->callback([path, &status] { status = check(*path); });
}

}  // namespace nsupcall::admin
