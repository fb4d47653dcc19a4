#include "rules/config_text.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "nsutil/unique_fd.hpp"
#include "rules/profile_reader.hpp"

namespace nsupcall {
namespace {

constexpr std::string_view kBlanks = " \t\r";

std::string_view trim(std::string_view line) {
    const auto first = line.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
}

/// Calls `visit(trimmed line, number, end offset)` until it returns false.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
    std::size_t at = 0;
    for (unsigned number = 1; at < text.size(); ++number) {
        const auto end = std::min(text.find('\n', at), text.size());
        if (!visit(trim(text.substr(at, end - at)), number, std::min(end + 1, text.size()))) return;
        at = end + 1;
    }
}

bool is_comment(std::string_view line) {
    return line.empty() || line[0] == '#' || line[0] == ';';
}

/// "name = ..." or "name* = ..." (final, for the parser)
bool is_relation_of(std::string_view line, std::string_view name) {
    if (!line.starts_with(name)) return false;
    line.remove_prefix(name.size());
    if (line.starts_with('*')) line.remove_prefix(1);
    return trim(line).starts_with('=');
}

}  // namespace

unsigned line_of(std::string_view text, std::string_view rule, std::string_view key, unsigned occurrence) {
    const std::string section = rule.empty() ? "[defaults]" : "[rules]";
    bool in_section = false, in_rule = false;
    unsigned found = 0, left = occurrence;
    for_each_line(text, [&](std::string_view line, unsigned number, std::size_t) {
        if (is_comment(line)) return true;
        if (line.starts_with('[')) {
            in_section = line.starts_with(section);
            in_rule = in_section && rule.empty();
            return true;
        }
        if (!in_section) return true;
        if (!rule.empty() && !in_rule) {
            if (!is_relation_of(line, rule)) return true;
            in_rule = true;
            if (key.empty()) found = number;
            return found == 0;
        }
        if (!rule.empty() && line.starts_with('}')) {
            in_rule = false;
            return true;
        }
        if (!key.empty() && is_relation_of(line, key) && left-- == 0) found = number;
        return found == 0;
    });
    return found;
}

unsigned line_of_directive(std::string_view text) {
    unsigned found = 0;
    for_each_line(text, [&](std::string_view line, unsigned number, std::size_t) {
        for (const std::string_view word : {"include", "includedir", "module"})
            if (line.starts_with(word) && line.size() > word.size() &&
                kBlanks.find(line[word.size()]) != std::string_view::npos &&
                !trim(line.substr(word.size())).starts_with('='))
                found = number;
        return found == 0;
    });
    return found;
}

bool mentions_deny(std::string_view text) {
    bool found = false;
    for_each_line(text, [&](std::string_view line, unsigned, std::size_t) {
        found = !is_comment(line) && line.find("deny") != std::string_view::npos;
        return !found;
    });
    return found;
}

unsigned line_of_syntax_error(const std::string& text, long error) {
    unsigned found = 0;
    for_each_line(text, [&](std::string_view, unsigned number, std::size_t end) {
        const nsutil::UniqueFd piece(::memfd_create("nsupcall.conf", MFD_CLOEXEC));
        if (!piece || ::write(piece.get(), text.data(), end) != static_cast<ssize_t>(end)) return false;
        const auto read = read_profile("/proc/self/fd/" + std::to_string(piece.get()));
        if (!read && read.error().native == error) found = number;
        return found == 0;
    });
    return found;
}

}  // namespace nsupcall
