/// @file
/// nsupcall doctor: is this host ready?

#include "admin/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

#include "admin/json_text.hpp"
#include "admin/subcommands.hpp"
#include "admin/terminal.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

constexpr const char* kSchema = "nsupcall-doctor-1";
constexpr int kExitWarnings = 1, kExitFailures = 2;
constexpr std::size_t kTextMost = 1024;

struct Options {
    std::string root = "/";
    bool json = false, no_self_test = false, no_kdc = false;
};

Checks examine(const NodeRoot& root, const Options& options) {
    const Patient patient = {root, options.root == "/"};
    Checks all;
    const auto add = [&](const Checks& some) { all.insert(all.end(), some.begin(), some.end()); };
    add(examine_request_key(patient));
    add(examine_rules(patient));
    add(examine_helpers(patient));
    add(examine_cifs(patient));
    add(examine_user_namespaces(patient));
    add(examine_key_quota(patient));
    add(examine_krb5_conf(patient));
    if (!options.no_kdc) add(examine_kdc(patient));
    add(examine_config(patient));
    add(examine_state_folder(patient));
    if (!options.no_self_test) add(examine_by_upcall(patient));
    return all;
}

Tone tone_of(CheckStatus status) {
    static constexpr std::array kTones = {Tone::good, Tone::faint, Tone::warning, Tone::bad};
    return kTones.at(static_cast<std::size_t>(status));
}

void print(const Checks& checks, const Painter& painter) {
    std::size_t width = 0;
    for (const auto& check : checks) width = std::max(width, check.id.size());
    for (const auto& check : checks) {
        constexpr std::size_t kStatusWidth = 7;
        const auto name = fmt::format("{:{}}", check_status_name(check.status), kStatusWidth);
        std::puts(fmt::format("{}  {:{}}  {}", painter.paint(tone_of(check.status), name), check.id, width,
                              escape(check.text, kTextMost))
                      .c_str());
        if (check.fix.empty()) continue;
        std::puts(fmt::format("{:{}}{}", "", kStatusWidth + width + 4,
                              painter.paint(Tone::faint, "-> " + escape(check.fix, kTextMost)))
                      .c_str());
    }
}

void print_as_json(const Checks& checks, CheckStatus worst) {
    nlohmann::ordered_json document = {{"schema", kSchema},
                                       {"version", NSUPCALL_VERSION},
                                       {"worst", check_status_name(worst)},
                                       {"checks", nlohmann::ordered_json::array()}};
    for (const auto& check : checks)
        document["checks"].push_back(
            {{"id", check.id},
             {"status", check_status_name(check.status)},
             {"text", json_string(check.text)},
             {"fix", check.fix.empty() ? nlohmann::ordered_json()
                                       : nlohmann::ordered_json(json_string(check.fix))}});
    std::puts(print_json(document).c_str());
}

int run(const Options& options) {
    const auto root = NodeRoot::open(options.root);
    if (!root) {
        (void)std::fprintf(stderr, "nsupcall doctor: %s\n", escape(root.error().text(), kTextMost).c_str());
        return kExitFailures;
    }
    const auto checks = examine(*root, options);
    auto worst = CheckStatus::ok;
    for (const auto& check : checks) worst = std::max(worst, check.status);
    if (options.json)
        print_as_json(checks, worst);
    else
        print(checks, Painter::for_output(STDOUT_FILENO));
    if (worst == CheckStatus::failure) return kExitFailures;
    return worst == CheckStatus::warning ? kExitWarnings : kExitGood;
}

}  // namespace

const char* check_status_name(CheckStatus status) {
    static constexpr std::array kNames = {"ok", "unknown", "warning", "failure"};
    return kNames.at(static_cast<std::size_t>(status));
}

void add_doctor(CLI::App& app, int& status) {
    auto* doctor = app.add_subcommand("doctor", "Is this host ready? 0 yes, 1 with warnings, 2 no");
    auto options = std::make_shared<Options>();
    doctor->add_option("--root", options->root, "The folder that is the machine's /")->capture_default_str();
    doctor->add_flag("--json", options->json, "JSON (doctor.schema.json)");
    doctor->add_flag("--no-self-test", options->no_self_test, "No upcall through the running kernel");
    doctor->add_flag("--no-kdc", options->no_kdc, "Do not ask the KDC");
    doctor->callback([options, &status] { status = run(*options); });
}

}  // namespace nsupcall::admin
