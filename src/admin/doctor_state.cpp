/// @file
/// nsupcall's own files: its configuration, and what it keeps.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "admin/doctor.hpp"
#include "rules/checker.hpp"

namespace nsupcall::admin {

Checks examine_config(const Patient& patient) {
    constexpr const char* kId = "config";
    const auto opened = patient.root.open_at("/", O_RDONLY | O_DIRECTORY);
    if (!opened) return {{kId, CheckStatus::unknown, opened.error().text(), ""}};
    const std::string prefix = patient.running ? "" : fmt::format("/proc/self/fd/{}", opened->get());
    const auto rules = RuleSet::load(prefix + kConfigPath);
    Checks checks;
    for (const auto& finding : check_rules(rules)) {
        auto text = describe(finding);
        if (text.starts_with(prefix)) text.erase(0, prefix.size());
        checks.push_back(
            {kId, CheckStatus::failure, text, "see nsupcall.conf(5), and nsupcall config check"});
    }
    if (checks.empty())
        checks.push_back({kId, CheckStatus::ok,
                          rules.rules().empty()
                              ? std::string("no rules in nsupcall.conf: the built-in defaults hold")
                              : fmt::format("nsupcall.conf: {} rules, no errors", rules.rules().size()),
                          ""});
    return checks;
}

Checks examine_state_folder(const Patient& patient) {
    constexpr const char *kId = "state-folder", *kFolder = "/run/nsupcall";
    constexpr const char* kFix = "remove it: the next upcall makes it anew, root's alone";
    const auto folder = patient.root.open_at(kFolder, O_PATH | O_NOFOLLOW);
    if (!folder && folder.error().code == ENOENT)
        return {{kId, CheckStatus::ok, fmt::format("{} is made by the first upcall", kFolder), ""}};
    if (!folder) return {{kId, CheckStatus::unknown, folder.error().text(), "run this as root"}};
    struct stat about = {};
    struct statvfs system = {};
    if (::fstat(folder->get(), &about) != 0 || ::fstatvfs(folder->get(), &system) != 0)
        return {{kId, CheckStatus::unknown, fmt::format("{} cannot be looked at", kFolder), ""}};
    if (!S_ISDIR(about.st_mode))
        return {{kId, CheckStatus::failure, fmt::format("{} is no folder", kFolder), kFix}};
    if (about.st_uid != 0 || (about.st_mode & 0022U) != 0)
        return {{kId, CheckStatus::failure,
                 fmt::format("{} is not root's alone (uid {}, mode {:04o}): nothing is kept there", kFolder,
                             about.st_uid, about.st_mode & 07777U),
                 kFix}};
    const auto free_kib = std::uint64_t{system.f_bavail} * system.f_frsize / 1024;
    constexpr std::uint64_t kEnoughKib = 1024;
    if ((system.f_flag & ST_RDONLY) != 0 || free_kib < kEnoughKib)
        return {
            {kId, CheckStatus::warning,
             fmt::format("{} has no room ({} KiB): reconnects may find no session record", kFolder, free_kib),
             "make room on /run"}};
    return {{kId, CheckStatus::ok, fmt::format("{} is root's alone, and has room", kFolder), ""}};
}

}  // namespace nsupcall::admin
