#include "rules/prepared_rules.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

namespace nsupcall {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * kNanosecondsPerSecond + time.tv_nsec;
}

std::int64_t now_ns() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    return nanoseconds(now);
}

}  // namespace

std::optional<PreparedRules::Seen> PreparedRules::look_at(const std::string& path) {
    struct stat info = {};
    if (::stat(path.c_str(), &info) == 0)
        return Seen{path, Identity{info.st_dev, info.st_ino, info.st_size, nanoseconds(info.st_ctim),
                                   nanoseconds(info.st_mtim)}};
    if (errno == ENOENT || errno == ENOTDIR) return Seen{path, std::nullopt};
    return std::nullopt;
}

bool PreparedRules::unchanged() const {
    return std::ranges::all_of(seen_, [](const Seen& seen) {
        const auto now = look_at(seen.path);
        return now && now->identity == seen.identity;
    });
}

void PreparedRules::refresh() {
    if (rules_ && unchanged()) return;
    rules_.reset();
    seen_.clear();
    // Which files there are, then what they are, and only then what is in them: a change in between is one
    // that is seen.
    const auto names = RuleSet::load(path_).sources();
    const auto settled_ns = now_ns() - kNanosecondsPerSecond;
    for (const auto& name : names) {
        auto seen = look_at(name);
        if (!seen || (seen->identity && seen->identity->changed_ns >= settled_ns)) return;
        seen_.push_back(std::move(*seen));
    }
    auto rules = RuleSet::load(path_);
    if (rules.sources() == names) rules_.emplace(std::move(rules));
}

const RuleSet* PreparedRules::current(const std::string& path) const {
    return rules_ && path == path_ && unchanged() ? &*rules_ : nullptr;
}

}  // namespace nsupcall
