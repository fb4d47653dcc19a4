#include "rules/rule_set.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "nsutil/bounded_read.hpp"
#include "nsutil/unique_fd.hpp"
#include "rules/config_text.hpp"
#include "rules/profile_reader.hpp"

namespace nsupcall {
namespace {

/// Why a file or folder cannot be trusted; empty where it can.
std::string objection_to(const struct stat& info) {
    if (info.st_uid != 0) return "it does not belong to root";
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) return "others than root may write to it";
    return {};
}

std::vector<std::string> conf_files_in(const std::string& folder) {
    std::vector<std::string> paths;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(folder.c_str()), ::closedir);
    if (stream == nullptr) return paths;
    while (const dirent* entry = ::readdir(stream.get())) {
        const std::string name = entry->d_name;
        if (!name.starts_with('.') && name.ends_with(".conf"))
            paths.emplace_back(std::string(folder).append("/").append(name));
    }
    std::ranges::sort(paths);
    return paths;
}

}  // namespace

RuleSet RuleSet::load(const std::string& path) {
    RuleSet set;
    struct stat info = {};
    const auto look = [&](const std::string& name) {
        set.sources_.push_back(name);
        if (::stat(name.c_str(), &info) == 0) return true;
        if (errno != ENOENT && errno != ENOTDIR) set.lose_file(name, 0, std::strerror(errno), {});
        return false;
    };
    std::vector<File> files;
    const auto read = [&](const std::string& name) {
        if (auto file = set.read_file(name)) files.push_back(std::move(*file));
    };
    if (look(path)) read(path);
    const std::string folder = path + ".d";
    if (look(folder)) {
        const auto objection = objection_to(info);
        if (!objection.empty()) set.lose_file(folder, 0, objection, {});
        const auto names = objection.empty() ? conf_files_in(folder) : std::vector<std::string>();
        for (std::size_t at = 0; at < names.size(); ++at) {
            if (at == kFilesMost) {
                set.lose_file(folder, 0, "too many files", {});
                break;
            }
            set.sources_.push_back(names[at]);
            read(names[at]);
        }
    }
    // Rules inherit from [defaults], which may stand in another file.
    for (const auto& file : files) set.take_defaults(file);
    Places places;
    for (const auto& file : files) set.take_rules(file, places);
    set.order_rules();
    return set;
}

void RuleSet::lose_file(const std::string& path, unsigned line, const std::string& why,
                        const std::string& text) {
    findings_.push_back({path, line, why, {}, {}, 0});
    lost_file_ = true;
    if (mentions_deny(text)) refuse_all_ = true;
}

std::optional<RuleSet::File> RuleSet::read_file(const std::string& path) {
    const auto lose = [&](unsigned line, const std::string& why, const std::string& text) {
        lose_file(path, line, why, text);
        return std::nullopt;
    };
    const nsutil::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat info = {};
    if (!fd || ::fstat(fd.get(), &info) != 0) return lose(0, std::strerror(errno), {});
    if (!S_ISREG(info.st_mode)) return lose(0, "it is no regular file", {});
    if (const auto objection = objection_to(info); !objection.empty()) return lose(0, objection, {});
    auto text = nsutil::read_all(fd.get(), kFileBytesMost);
    if (!text) return lose(0, text.error().text(), {});
    if (const unsigned line = line_of_directive(*text))
        return lose(line, "include, includedir and module are not for this file: use nsupcall.conf.d", *text);
    // Through the descriptor: what is parsed is what was looked at.
    auto relations = read_profile("/proc/self/fd/" + std::to_string(fd.get()));
    if (!relations) {
        const auto& what = relations.error().what;
        return lose(line_of_syntax_error(*text, static_cast<long>(relations.error().native)),
                    what.substr(what.find(": ") + 2), *text);
    }
    return File{path, std::move(*text), std::move(*relations)};
}

void RuleSet::complain(const File& file, const std::string& rule, const std::string& key, unsigned occurrence,
                       const std::string& what) {
    findings_.push_back({file.path, line_of(file.text, rule, key, occurrence), what, rule, key, occurrence});
}

void RuleSet::take_defaults(const File& file) {
    std::map<std::string, unsigned> seen;
    for (const auto& [names, value] : file.relations) {
        if (names[0] != "defaults") continue;
        const auto& key = names[1];
        if (names.size() != 2) {
            complain(file, {}, key, 0, "[defaults] holds no sections");
            continue;
        }
        const unsigned occurrence = seen[key]++;
        if (auto done = apply_relation(key, value, occurrence == 0, defaults_, nullptr); !done) {
            complain(file, {}, key, occurrence, done.error().what);
            if (key == "deny") defaults_.deny = true;
            defaults_.distrusted = true;
        }
    }
}

void RuleSet::take_rules(const File& file, Places& places) {
    std::map<std::pair<std::size_t, std::string_view>, unsigned> seen;
    const auto first_own = rules_.size();
    for (const auto& [names, value] : file.relations) {
        if (names[0] == "defaults") continue;
        if (names[0] != "rules") {
            findings_.push_back({file.path, 0, "unknown section [" + names[0] + "]", {}, {}, 0});
            continue;
        }
        if (names.size() != 3) {
            complain(file, names.size() > 1 ? names[1] : names[0], {}, 0,
                     "[rules] holds rules, \"name = { ... }\", and these hold keys");
            continue;
        }
        const auto& key = names[2];
        const auto [found, first_of_name] = places.emplace(names[1], rules_.size());
        const bool twice = !first_of_name && found->second < first_own;
        if (first_of_name || twice) {
            if (twice) complain(file, names[1], {}, 0, "another file has a rule of the same name");
            found->second = rules_.size();
            rules_.push_back({names[1], file.path, {}, defaults_, twice});
            rules_.back().settings.rule = names[1];
        }
        auto& rule = rules_[found->second];
        const unsigned occurrence = seen[{found->second, key}]++;
        if (auto done = apply_relation(key, value, occurrence == 0, rule.settings, &rule.conditions); !done) {
            complain(file, names[1], key, occurrence, done.error().what);
            rule.broken = true;
            if (key == "deny") rule.settings.deny = true;
        }
    }
}

void RuleSet::order_rules() {
    // libkrb5's parser has sorted those of one file.
    if (!std::ranges::is_sorted(rules_, {}, &Rule::name)) std::ranges::stable_sort(rules_, {}, &Rule::name);
    for (auto& rule : rules_) {
        if (!rule.broken) continue;
        // Gives nothing, and keeps what it forbids.
        Settings harmless;
        harmless.deny = rule.settings.deny;
        harmless.rule = rule.name;
        harmless.distrusted = true;
        rule.settings = std::move(harmless);
    }
}

bool RuleSet::need_cgroup() const {
    return std::ranges::any_of(rules_, [](const Rule& rule) { return rule.conditions.need_cgroup(); });
}

Settings RuleSet::match(const Subject& subject) const {
    const auto found =
        std::ranges::find_if(rules_, [&](const Rule& rule) { return rule.conditions.hold_for(subject); });
    Settings settings = found == rules_.end() ? defaults_ : found->settings;
    if (lost_file_) {
        const bool deny = settings.deny || refuse_all_;
        settings = {};
        settings.deny = deny;
        settings.distrusted = true;
    }
    return settings;
}

}  // namespace nsupcall
