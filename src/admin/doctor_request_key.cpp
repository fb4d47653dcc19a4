/// @file
/// The way from the kernel to the helpers.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <set>

#include "admin/doctor.hpp"
#include "admin/node_probe.hpp"
#include "admin/rule_check.hpp"
#include "admin/rule_file.hpp"
#include "admin/upcall_kinds.hpp"

namespace nsupcall::admin {
namespace {

/// The kernel's own path, in its source: security/keys/request_key.c.
constexpr const char *kRequestKey = "/sbin/request-key", *kElsewhere = "/usr/sbin/request-key";

/// The line of the kernel's configuration that sets `option`; empty where it cannot be read.
std::string kernel_option(const NodeRoot& root, std::string_view option) {
    constexpr std::size_t kLimit = std::size_t{4} << 20U;
    utsname name = {};
    if (::uname(&name) != 0) return "";
    const auto text =
        root.read(std::string("/boot/config-") + static_cast<const char*>(name.release), kLimit);
    if (!text) return "";
    const auto at = text->find(fmt::format("\n{}=", option));
    if (at == std::string::npos) return "";
    return text->substr(at + 1, text->find('\n', at + 1) - at - 1);
}

/// Why others than root could change the file; empty where they cannot.
std::string open_to_others(const NodeRoot& root, const std::string& path) {
    const auto file = root.open_at(path, O_PATH);
    struct stat about = {};
    if (!file || ::fstat(file->get(), &about) != 0) return "";
    if (about.st_uid != 0) return fmt::format("it belongs to uid {}", about.st_uid);
    if ((about.st_mode & 0022U) != 0) return fmt::format("its mode is {:04o}", about.st_mode & 07777U);
    return "";
}

}  // namespace

Checks examine_request_key(const Patient& patient) {
    constexpr const char* kId = "request-key";
    Checks checks;
    if (!patient.root.has_program(kRequestKey)) {
        const bool elsewhere = patient.root.has_program(kElsewhere);
        return {{kId, CheckStatus::failure,
                 elsewhere ? "request-key is in /usr/sbin, and the kernel runs /sbin/request-key"
                           : "there is no /sbin/request-key, which the kernel runs for every upcall",
                 elsewhere
                     ? "link the one to the other: ln -s /usr/sbin/request-key /sbin/request-key"
                     : "install the package keyutils (or an image of the operating system that has it)"}};
    }
    if (const auto why = open_to_others(patient.root, kRequestKey); !why.empty())
        checks.push_back({kId, CheckStatus::failure, fmt::format("{}: {}", kRequestKey, why),
                          "install the package keyutils again: others than root can change this program"});
    if (!patient.running) {
        checks.push_back({kId, CheckStatus::ok, fmt::format("{} is there", kRequestKey), ""});
        return checks;
    }
    if (!patient.root.has("/proc/keys"))
        checks.push_back({kId, CheckStatus::failure, "this kernel has no keyrings (/proc/keys is not there)",
                          "use a kernel with CONFIG_KEYS, and mount /proc"});
    if (const auto other = kernel_option(patient.root, "CONFIG_STATIC_USERMODEHELPER_PATH"); !other.empty())
        checks.push_back({kId, CheckStatus::warning, "the kernel runs another program in its place: " + other,
                          "that program must go on to /sbin/request-key"});
    if (checks.empty())
        checks.push_back({kId, CheckStatus::ok, fmt::format("the kernel runs {}", kRequestKey), ""});
    return checks;
}

std::string our_upcall_program(const NodeRoot& root) {
    const auto rules = RequestKeyRules::read(root);
    if (!rules) return "";
    const auto answer = rules->ask(kUpcallKinds.front().example);
    const auto program = answer.chosen != nullptr ? answer.chosen->program() : "";
    return is_our_helper(root, program) ? program : "";
}

Checks examine_rules(const Patient& patient) {
    constexpr const char* kId = "rules";
    const auto findings = check_rules_win(patient.root);
    if (!findings)
        return {{kId, CheckStatus::unknown, "request-key's rules: " + findings.error().text(),
                 "run this as root"}};
    Checks checks;
    for (const auto& finding : *findings)
        checks.push_back({kId, finding.fatal ? CheckStatus::failure : CheckStatus::warning, finding.text,
                          finding.fatal
                              ? "run nsupcall install; where a rule wins over ours, remove or narrow it"
                              : "remove it where that is not meant"});
    if (RuleFile(patient.root, RuleOwner::host).state() == RuleState::edited)
        checks.push_back({kId, CheckStatus::ok, "nsupcall.conf was edited, and stays so over upgrades", ""});
    if (checks.empty() || findings->empty())
        checks.push_back({kId, CheckStatus::ok, "request-key hands upcalls of every kind to nsupcall", ""});
    return checks;
}

Checks examine_helpers(const Patient& patient) {
    constexpr const char* kId = "helpers";
    const auto rules = RequestKeyRules::read(patient.root);
    if (!rules) return {{kId, CheckStatus::unknown, "the rules cannot be read", "run this as root"}};
    std::set<std::string> programs;
    for (const auto& kind : kUpcallKinds)
        if (const auto answer = rules->ask(kind.example); answer.chosen != nullptr)
            if (const auto program = answer.chosen->program(); is_our_helper(patient.root, program))
                programs.insert(program);
    if (programs.empty()) return {{kId, CheckStatus::unknown, "no rule leads to a helper of ours", ""}};
    Checks checks;
    for (const auto& program : programs) {
        if (const auto why = open_to_others(patient.root, program); !why.empty()) {
            checks.push_back({kId, CheckStatus::failure, fmt::format("{}: {}", program, why),
                              "chown root and chmod 755: request-key runs it as root"});
            continue;
        }
        const auto good = ::geteuid() == 0 ? probe_program(patient.root, program) : nsutil::Result<void>();
        if (!good)
            checks.push_back({kId, CheckStatus::failure, good.error().what, "install nsupcall again"});
        else if (::geteuid() != 0)
            checks.push_back({kId, CheckStatus::unknown,
                              program + " is there; whether it starts was not tried", "run this as root"});
        else
            checks.push_back({kId, CheckStatus::ok, program + " starts", ""});
    }
    return checks;
}

}  // namespace nsupcall::admin
