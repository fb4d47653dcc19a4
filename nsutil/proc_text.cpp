#include "nsutil/proc_text.hpp"

#include <charconv>

namespace nsutil {
namespace {

/// Takes the next blank-separated word off the front of `text`; empty at its end.
std::string_view next_word(std::string_view& text) {
    const auto begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return text = {};
    const auto end = text.find_first_of(" \t\n", begin);
    const auto word = text.substr(begin, end == std::string_view::npos ? end : end - begin);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end);
    return word;
}

bool parse_ids(std::string_view value, TaskIds& ids) {
    for (auto* id : {&ids.real, &ids.effective, &ids.saved, &ids.filesystem}) {
        const auto number = parse_number<std::uint32_t>(next_word(value));
        if (!number) return false;
        *id = *number;
    }
    return true;
}

bool parse_groups(std::string_view value, std::vector<gid_t>& groups) {
    for (auto word = next_word(value); !word.empty(); word = next_word(value)) {
        const auto number = parse_number<std::uint32_t>(word);
        if (!number || groups.size() == kGroupsMost) return false;
        groups.push_back(*number);
    }
    return true;
}

bool parse_capabilities(std::string_view value, std::uint64_t& set) {
    const auto number = parse_number<std::uint64_t>(next_word(value), 16);
    if (number) set = *number;
    return number.has_value();
}

bool parse_small(std::string_view value, int& out) {
    const auto number = parse_number<std::uint32_t>(next_word(value));
    if (!number || *number > 0x7fffffffU) return false;
    out = static_cast<int>(*number);
    return true;
}

}  // namespace

template <class Number>
std::optional<Number> parse_number(std::string_view text, int base) {
    Number value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

template std::optional<std::uint32_t> parse_number(std::string_view, int);
template std::optional<std::uint64_t> parse_number(std::string_view, int);

Result<TaskStatus> parse_status(std::string_view text) {
    enum : unsigned { kUid = 1, kGid = 2, kGroups = 4, kTgid = 8, kAll = 15 };
    TaskStatus status;
    unsigned seen = 0;
    int no_new_privs = 0;
    while (!text.empty()) {
        const auto line_end = text.find('\n');
        const auto line = text.substr(0, line_end);
        text = line_end == std::string_view::npos ? std::string_view{} : text.substr(line_end + 1);
        const auto colon = line.find(':');
        if (colon == std::string_view::npos) continue;
        const auto key = line.substr(0, colon);
        auto value = line.substr(colon + 1);
        bool good = true;
        if (key == "Name") {
            const auto begin = value.find_first_not_of('\t');
            status.name = begin == std::string_view::npos ? "" : value.substr(begin);
        } else if (key == "Tgid") {
            good = parse_small(value, status.tgid);
            seen |= kTgid;
        } else if (key == "Uid") {
            good = parse_ids(value, status.uids);
            seen |= kUid;
        } else if (key == "Gid") {
            good = parse_ids(value, status.gids);
            seen |= kGid;
        } else if (key == "Groups") {
            good = parse_groups(value, status.groups);
            seen |= kGroups;
        } else if (key == "CapInh") {
            good = parse_capabilities(value, status.cap_inheritable);
        } else if (key == "CapPrm") {
            good = parse_capabilities(value, status.cap_permitted);
        } else if (key == "CapEff") {
            good = parse_capabilities(value, status.cap_effective);
        } else if (key == "CapBnd") {
            good = parse_capabilities(value, status.cap_bounding);
        } else if (key == "CapAmb") {
            good = parse_capabilities(value, status.cap_ambient);
        } else if (key == "NoNewPrivs") {
            good = parse_small(value, no_new_privs);
        } else if (key == "Seccomp") {
            good = parse_small(value, status.seccomp_mode);
        }
        if (!good) return fail(EINVAL, "malformed line " + std::string(key) + " in status");
    }
    if (seen != kAll) return fail(EINVAL, "status lacks Tgid, Uid, Gid or Groups");
    status.no_new_privs = no_new_privs == 1;
    return status;
}

Result<TaskStat> parse_stat(std::string_view text) {
    const auto open = text.find('(');
    const auto close = text.rfind(')');
    if (open == std::string_view::npos || close == std::string_view::npos || close < open)
        return fail(EINVAL, "stat has no command in parentheses");
    TaskStat stat;
    stat.comm = text.substr(open + 1, close - open - 1);
    auto rest = text.substr(close + 1);
    // proc(5) counts from 1: the word behind ')' is field 3.
    constexpr int kState = 3, kParent = 4, kFlags = 9, kStartTime = 22;
    for (int field = kState; field <= kStartTime; ++field) {
        const auto word = next_word(rest);
        bool good = !word.empty();
        if (field == kState) {
            good = word.size() == 1;
            if (good) stat.state = word[0];
        } else if (field == kParent) {
            good = parse_small(word, stat.parent);
        } else if (field == kFlags) {
            const auto number = parse_number<std::uint32_t>(word);
            good = number.has_value();
            stat.flags = number.value_or(0);
        } else if (field == kStartTime) {
            const auto number = parse_number<std::uint64_t>(word);
            good = number.has_value();
            stat.start_ticks = number.value_or(0);
        }
        if (!good) return fail(EINVAL, "malformed field " + std::to_string(field) + " in stat");
    }
    return stat;
}

std::optional<std::string_view> find_in_environ(std::string_view environ_text, std::string_view name) {
    while (!environ_text.empty()) {
        const auto end = environ_text.find('\0');
        const auto entry = environ_text.substr(0, end);
        if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=')
            return entry.substr(name.size() + 1);
        if (end == std::string_view::npos) break;
        environ_text.remove_prefix(end + 1);
    }
    return std::nullopt;
}

}  // namespace nsutil
