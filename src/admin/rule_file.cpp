#include "admin/rule_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "session/name_hash.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;
using Kind = RuleStep::Kind;

constexpr std::string_view kTemplate =
#include "rule_text.inc"
    ;
constexpr std::string_view kHelpers = "{HELPERS}";

std::string mark_of(RuleOwner owner) {
    const char* command = owner == RuleOwner::node ? "nsupcall node" : "nsupcall";
    return fmt::format("# Written by `{0} install`; `{0} uninstall` removes it. Digest: ", command);
}

std::string digest_of(std::string_view rules) {
    return NameHash().text(rules).hex();
}

std::string path_of(const std::string& name) {
    return std::string(RuleFile::kFolder) + "/" + name;
}

}  // namespace

const char* rule_state_name(RuleState state) {
    switch (state) {
        case RuleState::absent:
            return "absent";
        case RuleState::ours:
            return "ours";
        case RuleState::edited:
            return "edited";
        case RuleState::others:
            break;
    }
    return "others";
}

std::string RuleStep::text() const {
    switch (kind) {
        case Kind::keep_copy:
            return fmt::format("keep {} as {}", path_of(name), to);
        case Kind::write:
            return "write " + path_of(name);
        case Kind::rename:
            return fmt::format("move {} to {}", path_of(name), to);
        case Kind::remove:
            break;
    }
    return "remove " + path_of(name);
}

std::string RuleFile::set_aside_of(RuleOwner owner) {
    return std::string(kFile) + (owner == RuleOwner::node ? ".before-node-install" : ".before-install");
}

std::string RuleFile::text_for(RuleOwner owner, const std::string& helpers) {
    std::string rules(kTemplate);
    for (auto at = rules.find(kHelpers); at != std::string::npos; at = rules.find(kHelpers, at))
        rules.replace(at, kHelpers.size(), helpers);
    return mark_of(owner) + digest_of(rules) + "\n" + rules;
}

bool RuleFile::is_plain_path(const std::string& path) {
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
               c == '-' || c == '_' || c == '.';
    };
    return path.size() > 1 && path.size() <= 100 && path.front() == '/' && path.back() != '/' &&
           std::ranges::all_of(path, plain) && path.find("//") == std::string::npos &&
           path.find("/.") == std::string::npos;
}

Result<std::string> RuleFile::content(const std::string& name) const {
    return root_.read(path_of(name), kBytesMost);
}

// Also a link to nowhere is there.
bool RuleFile::is_there(const std::string& name) const {
    return root_.open_at(path_of(name), O_PATH | O_NOFOLLOW).has_value();
}

bool RuleFile::is_same_file(const std::string& one, const std::string& other) const {
    struct stat first = {}, second = {};
    const auto a = root_.open_at(path_of(one), O_PATH | O_NOFOLLOW);
    const auto b = root_.open_at(path_of(other), O_PATH | O_NOFOLLOW);
    return a && b && ::fstat(a->get(), &first) == 0 && ::fstat(b->get(), &second) == 0 &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

RuleState RuleFile::state_of(const Result<std::string>& content, RuleOwner owner) {
    const auto mark = mark_of(owner);
    if (!content || !content->starts_with(mark)) return RuleState::others;
    const auto end = content->find('\n');
    if (end == std::string::npos) return RuleState::edited;
    const auto rules = std::string_view(*content).substr(end + 1);
    return content->substr(mark.size(), end - mark.size()) == digest_of(rules) ? RuleState::ours
                                                                               : RuleState::edited;
}

RuleState RuleFile::state() const {
    return is_there(kFile) ? state_of(content(), owner_) : RuleState::absent;
}

std::string RuleFile::installed() const {
    const auto text = content();
    return text && state_of(text, owner_) != RuleState::others ? *text : "";
}

Result<std::vector<RuleStep>> RuleFile::plan_install(const std::string& text, Edits edits) const {
    const RuleStep write = {Kind::write, kFile, ""};
    switch (state()) {
        case RuleState::ours:
            if (installed() == text) return std::vector<RuleStep>();
            return std::vector{write};
        case RuleState::edited:
            if (edits == Edits::keep) return std::vector<RuleStep>();
            return std::vector{RuleStep{Kind::keep_copy, kFile, kEdited}, write};
        case RuleState::others:
            // (One that is the same file is what an interrupted run left behind.)
            if (is_there(set_aside()) && !is_same_file(set_aside(), kFile))
                return nsutil::fail(EEXIST, path_of(set_aside()) + " is in the way of " + path_of(kFile));
            return std::vector{RuleStep{Kind::keep_copy, kFile, set_aside()}, write};
        case RuleState::absent:
            break;
    }
    return std::vector{write};
}

std::vector<RuleStep> RuleFile::plan_remove() const {
    std::vector<RuleStep> steps;
    const auto now = state();
    if (now == RuleState::others) {
        // Another owner came after us, and keeps ours to bring it back. That it shall not.
        for (const auto owner : {RuleOwner::host, RuleOwner::node}) {
            const auto aside = set_aside_of(owner);
            if (owner != owner_ && is_there(aside) && state_of(content(aside), owner_) != RuleState::others)
                steps.push_back({Kind::remove, aside, ""});
        }
        return steps;
    }
    if (now == RuleState::edited) steps.push_back({Kind::keep_copy, kFile, kEdited});
    // One rename where there is something to bring back, so that no request falls into a gap.
    if (is_there(set_aside()))
        steps.push_back({Kind::rename, set_aside(), kFile});
    else if (now != RuleState::absent)
        steps.push_back({Kind::remove, kFile, ""});
    return steps;
}

Result<void> RuleFile::make(int folder_fd, const RuleStep& step, const std::string& text) {
    const auto failed = [&] { return nsutil::fail_errno(step.text()); };
    switch (step.kind) {
        case Kind::keep_copy:
            // A second name for the same file, so that the first one is never gone.
            (void)::unlinkat(folder_fd, step.to.c_str(), 0);
            if (::linkat(folder_fd, step.name.c_str(), folder_fd, step.to.c_str(), 0) != 0) return failed();
            break;
        case Kind::write:
            return replace_file(folder_fd, step.name, text, 0644);
        case Kind::rename:
            if (::renameat(folder_fd, step.name.c_str(), folder_fd, step.to.c_str()) != 0) return failed();
            break;
        case Kind::remove:
            if (::unlinkat(folder_fd, step.name.c_str(), 0) != 0) return failed();
            break;
    }
    (void)::fsync(folder_fd);
    return {};
}

Result<std::vector<RuleStep>> RuleFile::install(const std::string& text, Edits edits, Act act) const {
    if (act == Act::only_plan) return plan_install(text, edits);
    auto folder = root_.make_folder(kFolder);
    if (!folder) return nsutil::propagate(folder);
    if (::flock(folder->get(), LOCK_EX) != 0) return nsutil::fail_errno(kFolder);
    auto steps = plan_install(text, edits);
    if (!steps) return steps;
    for (const auto& step : *steps)
        if (auto done = make(folder->get(), step, text); !done) {
            // Copies are made before anything changes, and mean nothing without the change.
            for (const auto& former : *steps)
                if (former.kind == Kind::keep_copy) (void)::unlinkat(folder->get(), former.to.c_str(), 0);
            return nsutil::propagate(done, kFolder);
        }
    return steps;
}

Result<std::vector<RuleStep>> RuleFile::remove(Act act) const {
    auto folder = root_.open_at(kFolder, O_RDONLY | O_DIRECTORY);
    if (!folder && folder.error().code == ENOENT) return std::vector<RuleStep>();
    if (!folder) return nsutil::propagate(folder);
    if (act == Act::really && ::flock(folder->get(), LOCK_EX) != 0) return nsutil::fail_errno(kFolder);
    auto steps = plan_remove();
    if (act == Act::really)
        for (const auto& step : steps)
            if (auto done = make(folder->get(), step, ""); !done) return nsutil::propagate(done, kFolder);
    return steps;
}

}  // namespace nsupcall::admin
