#include "rules/rule_parser.hpp"

#include <strings.h>

#include <algorithm>
#include <span>
#include <utility>

#include "nsutil/proc_text.hpp"
#include "rules/expand.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

constexpr std::uint32_t kDeadlineMostS = 120;

Result<void> bad(const std::string& value, const char* expected) {
    return fail(EINVAL, "bad value \"" + value + "\": " + expected);
}

/// Words between blanks or commas.
std::vector<std::string> words_of(const std::string& value) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : value + " ") {
        if (c != ' ' && c != '\t' && c != ',') {
            word += c;
        } else if (!word.empty()) {
            words.push_back(std::move(word));
            word.clear();
        }
    }
    return words;
}

Result<void> set_bool(const std::string& value, bool& target) {
    for (const char* yes : {"yes", "true", "on", "1"})
        if (::strcasecmp(value.c_str(), yes) == 0) {
            target = true;
            return {};
        }
    for (const char* no : {"no", "false", "off", "0"})
        if (::strcasecmp(value.c_str(), no) == 0) {
            target = false;
            return {};
        }
    return bad(value, "yes or no");
}

template <class Choice>
Result<void> set_choice(const std::string& value, Choice& target,
                        std::span<const std::pair<std::string_view, Choice>> choices) {
    std::string names;
    for (const auto& [name, choice] : choices) {
        if (value == name) {
            target = choice;
            return {};
        }
        names += names.empty() ? "" : ", ";
        names += name;
    }
    return bad(value, ("one of " + names).c_str());
}

Result<void> set_deadline(const std::string& value, Settings& settings) {
    std::string_view digits = value;
    if (digits.ends_with('s')) digits.remove_suffix(1);
    const auto seconds = nsutil::parse_number<std::uint32_t>(digits);
    if (!seconds || *seconds == 0 || *seconds > kDeadlineMostS) return bad(value, "1 to 120 seconds");
    settings.deadline_s = *seconds;
    return {};
}

Result<void> set_sources(const std::string& value, Settings& settings) {
    std::vector<Source> sources;
    for (const auto& word : words_of(value)) {
        const auto* found = std::ranges::find(kDefaultSources, word, source_name);
        if (found == std::end(kDefaultSources)) return bad(value, ("no such source: " + word).c_str());
        if (std::ranges::find(sources, *found) != sources.end())
            return bad(value, ("twice: " + word).c_str());
        sources.push_back(*found);
    }
    settings.sources = std::move(sources);
    return {};
}

Result<void> set_pattern(const std::string& value, std::string& target) {
    if (auto checked = check_pattern(value); !checked) return bad(value, checked.error().what.c_str());
    target = value;
    return {};
}

/// The first value of a rule replaces those of [defaults]; the others add to it.
Result<void> add_pattern(const std::string& value, bool first, std::vector<std::string>& targets) {
    std::string pattern;
    if (auto set = set_pattern(value, pattern); !set) return set;
    if (first) targets.clear();
    targets.push_back(std::move(pattern));
    return {};
}

Result<void> add_host_ccache(const std::string& value, bool first, std::vector<std::string>& targets) {
    const std::string path = value.starts_with("FILE:") ? value.substr(5) : value;
    if (!path.starts_with('/')) return bad(value, "an absolute path");
    return add_pattern(path, first, targets);
}

Result<void> set_keytab(const std::string& value, Settings& settings) {
    if (value == "none") {
        settings.keytab.clear();
        return {};
    }
    const std::string path = value.starts_with("FILE:") ? value.substr(5) : value;
    if (!path.starts_with('/')) return bad(value, "an absolute path on the host");
    settings.keytab = path;
    return {};
}

Result<void> add_globs(const std::string& value, std::vector<std::string>& targets) {
    auto globs = words_of(value);
    if (globs.empty()) return bad(value, "a glob");
    std::ranges::move(globs, std::back_inserter(targets));
    return {};
}

Result<void> add_addresses(const std::string& value, Conditions& conditions) {
    for (const auto& word : words_of(value)) {
        auto prefix = AddressPrefix::parse(word);
        if (!prefix) return bad(value, "an address, or address/bits");
        conditions.addresses.push_back(*prefix);
    }
    return {};
}

Result<void> add_creduids(const std::string& value, Conditions& conditions) {
    for (const auto& word : words_of(value)) {
        const auto dash = word.find('-');
        const auto first = nsutil::parse_number<std::uint32_t>(std::string_view(word).substr(0, dash));
        const auto last = dash == std::string::npos
                              ? first
                              : nsutil::parse_number<std::uint32_t>(std::string_view(word).substr(dash + 1));
        if (!first || !last || *last < *first) return bad(value, "a uid, or first-last");
        conditions.creduids.emplace_back(*first, *last);
    }
    return {};
}

Result<void> add_kinds(const std::string& value, Conditions& conditions) {
    static constexpr std::pair<std::string_view, RequesterKind> kKinds[] = {
        {"host", RequesterKind::host},
        {"service", RequesterKind::service},
        {"container", RequesterKind::container},
        {"kernel", RequesterKind::kernel}};
    for (const auto& word : words_of(value)) {
        RequesterKind kind{};
        if (auto set = set_choice<RequesterKind>(word, kind, kKinds); !set) return set;
        conditions.kinds.push_back(kind);
    }
    return {};
}

Result<void> set_upcall_target(const std::string& value, Conditions& conditions) {
    static constexpr std::pair<std::string_view, bool> kTargets[] = {{"app", false}, {"mount", true}};
    bool mount = false;
    if (auto set = set_choice<bool>(value, mount, kTargets); !set) return set;
    conditions.target_mount = mount;
    return {};
}

Result<void> set_path(const std::string& value, std::string& target) {
    if (!value.starts_with('/')) return bad(value, "an absolute path");
    target = value;
    return {};
}

Result<void> set_id_sources(const std::string& value, Settings& settings) {
    std::vector<std::string> sources;
    for (auto& word : words_of(value)) {
        if (std::ranges::find(kIdSourceNames, word) == std::end(kIdSourceNames))
            return bad(value, ("no such source of ids: " + word).c_str());
        if (std::ranges::find(sources, word) != sources.end()) return bad(value, ("twice: " + word).c_str());
        sources.push_back(std::move(word));
    }
    if (sources.empty()) return bad(value, "sources of ids");
    settings.idmap_sources = std::move(sources);
    return {};
}

Result<void> set_logon(const std::string& value, Settings& settings) {
    bool on = false;
    if (auto set = set_bool(value, on); !set) return set;
    settings.logon = on;
    return {};
}

Result<void> add_logon_file(const std::string& value, bool first, Settings& settings) {
    if (!value.starts_with('/')) return bad(value, "an absolute path");
    return add_pattern(value, first, settings.logon_files);
}

constexpr std::pair<std::string_view, TargetChoice> kTargets[] = {{"as-asked", TargetChoice::as_asked},
                                                                  {"requester", TargetChoice::requester},
                                                                  {"host", TargetChoice::host},
                                                                  {"mounter", TargetChoice::mounter}};
constexpr std::pair<std::string_view, NetworkChoice> kNetworks[] = {{"requester", NetworkChoice::requester},
                                                                    {"host", NetworkChoice::host}};
constexpr std::pair<std::string_view, GssProxyChoice> kProxies[] = {
    {"no", GssProxyChoice::never},
    {"on-request", GssProxyChoice::on_request},
    {"yes", GssProxyChoice::always}};

/// One key: what it takes, and what it does.
struct Key {
    KeyInfo info;
    Result<void> (*apply)(const std::string& value, bool first, Settings& settings,
                          Conditions* conditions) = nullptr;
};

constexpr Key kKeys[] = {
    {{"host", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_globs(v, c->hosts); }},
    {{"address", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_addresses(v, *c); }},
    {{"user", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_globs(v, c->users); }},
    {{"creduid", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_creduids(v, *c); }},
    {{"cgroup", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_globs(v, c->cgroups); }},
    {{"container", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_globs(v, c->containers); }},
    {{"kind", true, true},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return add_kinds(v, *c); }},
    {{"upcall_target", true, false},
     [](const auto& v, bool, auto&, auto* c) -> Result<void> { return set_upcall_target(v, *c); }},
    {{"deadline", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_deadline(v, s); }},
    {{"sources", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_sources(v, s); }},
    {{"ccache", false, true},
     [](const auto& v, bool f, auto& s, auto*) -> Result<void> { return add_pattern(v, f, s.ccaches); }},
    {{"host_ccache", false, true},
     [](const auto& v, bool f, auto& s, auto*) -> Result<void> {
         return add_host_ccache(v, f, s.host_ccaches);
     }},
    {{"service", false, true},
     [](const auto& v, bool f, auto& s, auto*) -> Result<void> { return add_pattern(v, f, s.services); }},
    {{"keytab", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_keytab(v, s); }},
    {{"principal", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_pattern(v, s.principal); }},
    {{"keytab_first_entry", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_bool(v, s.keytab_first_entry); }},
    {{"ticket_cache", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_bool(v, s.ticket_cache); }},
    {{"idmap_sources", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_id_sources(v, s); }},
    {{"idmap_file", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_path(v, s.idmap_file); }},
    {{"idmap_container_file", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_path(v, s.idmap_container_file); }},
    {{"logon", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_logon(v, s); }},
    {{"logon_file", false, true},
     [](const auto& v, bool f, auto& s, auto*) -> Result<void> { return add_logon_file(v, f, s); }},
    {{"environment", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_bool(v, s.environment); }},
    {{"host_fallback", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_bool(v, s.host_fallback); }},
    {{"deny", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> { return set_bool(v, s.deny); }},
    {{"target", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> {
         return set_choice<TargetChoice>(v, s.target, kTargets);
     }},
    {{"network", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> {
         return set_choice<NetworkChoice>(v, s.network, kNetworks);
     }},
    {{"gssproxy", false, false},
     [](const auto& v, bool, auto& s, auto*) -> Result<void> {
         return set_choice<GssProxyChoice>(v, s.gssproxy, kProxies);
     }},
};

}  // namespace

Result<void> apply_relation(const std::string& key, const std::string& value, bool first, Settings& settings,
                            Conditions* conditions) {
    const auto* found = std::ranges::find(kKeys, key, [](const Key& one) { return one.info.name; });
    if (found == std::end(kKeys)) return fail(EINVAL, "unknown key \"" + key + "\"");
    if (found->info.condition && conditions == nullptr)
        return fail(EINVAL, "\"" + key + "\" is a condition: it belongs into a rule");
    if (!first && !found->info.several) return fail(EINVAL, "\"" + key + "\" is given twice");
    return found->apply(value, first, settings, conditions);
}

std::vector<KeyInfo> all_keys() {
    std::vector<KeyInfo> keys;
    for (const auto& key : kKeys) keys.push_back(key.info);
    return keys;
}

}  // namespace nsupcall
