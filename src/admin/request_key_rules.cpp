#include "admin/request_key_rules.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <array>
#include <memory>

namespace nsupcall::admin {
namespace {

using nsutil::Result;

constexpr const char *kFolder = "/etc/request-key.d", *kLastFile = "/etc/request-key.conf";
/// Bytes of a line without its end.
constexpr std::size_t kLineMost = 4094;
constexpr std::size_t kColumns = 4;

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
};

/// isspace(3) of the C locale, which request-key runs in.
bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/// How many bytes the wildcard stands for; nullopt where the pattern does not fit.
std::optional<std::size_t> wildcard_length(std::string_view pattern, std::string_view text) {
    const auto star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == text ? std::optional<std::size_t>(0) : std::nullopt;
    const auto head = pattern.substr(0, star);
    auto tail = pattern.substr(star + 1);
    // With bytes on both sides of the wildcard, keyutils 1.6.3 looks for those at the pattern's beginning
    // where it should look for those after the wildcard.
    if (!head.empty()) tail = pattern.substr(0, tail.size());
    if (text.size() < head.size() + tail.size() || !text.starts_with(head) || !text.ends_with(tail))
        return std::nullopt;
    return text.size() - head.size() - tail.size();
}

enum class Fit { yes, no, stops };

/// A line taken apart, as far as it fits.
struct Matched {
    Fit fit = Fit::no;
    std::array<std::size_t, kColumns> wild = {};
    std::size_t fitting_columns = 0;
    std::array<std::string_view, kColumns> words;
    std::string_view command;
};

bool is_comment(std::string_view line) {
    for (const char c : line)
        if (!is_space(c)) return c == '#';
    return true;
}

Matched match(const RequestKeyLine& line, const KeyQuestion& question) {
    Matched matched;
    matched.fit = Fit::stops;
    if (line.too_long) return matched;
    const std::array texts = {question.operation, question.type, question.description, question.callout};
    std::string_view rest = line.text;
    for (std::size_t column = 0; column < kColumns; ++column) {
        std::size_t end = 0;
        while (end < rest.size() && !is_space(rest[end])) ++end;
        if (end == rest.size()) return matched;
        auto& word = matched.words.at(column);
        word = rest.substr(0, end);
        const auto wild = wildcard_length(word, texts.at(column));
        if (!wild) {
            matched.fit = Fit::no;
            return matched;
        }
        matched.wild.at(column) = *wild;
        ++matched.fitting_columns;
        rest.remove_prefix(end);
        while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
        if (rest.empty()) return matched;
    }
    matched.fit = Fit::yes;
    matched.command = rest;
    return matched;
}

/// Bytes of a pattern that are no wildcard: where two patterns fit the same text, the one with more of them
/// leaves less to its wildcard.
std::size_t literal_bytes(std::string_view pattern) {
    return pattern.size() - (pattern.find('*') == std::string_view::npos ? 0 : 1);
}

}  // namespace

std::string RequestKeyLine::program() const {
    std::string_view rest = text;
    for (std::size_t column = 0; column < kColumns; ++column) {
        while (!rest.empty() && !is_space(rest.front())) rest.remove_prefix(1);
        while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
    }
    if (rest.starts_with('|')) rest.remove_prefix(1);
    std::size_t end = 0;
    while (end < rest.size() && !is_space(rest[end])) ++end;
    return std::string(rest.substr(0, end));
}

Result<void> RequestKeyRules::read_file(const NodeRoot& root, const std::string& path) {
    auto text = root.read(path, kFileBytesMost);
    if (!text) return nsutil::propagate(text);
    unsigned number = 0;
    for (std::size_t at = 0; at < text->size();) {
        const auto end = text->find('\n', at);
        // Where the file's last line has no end, its last byte is taken for one.
        const auto size = (end == std::string::npos ? text->size() - 1 : end) - at;
        RequestKeyLine line = {path, ++number, text->substr(at, size), size > kLineMost};
        // fgets(3) does not mind a NUL; what looks at the line then ends there, one byte early.
        if (const auto nul = text->substr(at, size + 1).find('\0'); nul != std::string::npos)
            line.text = text->substr(at, nul == 0 ? 0 : nul - 1);
        if (line.too_long || !is_comment(line.text)) lines_.push_back(std::move(line));
        at += size + 1;
    }
    return {};
}

Result<void> RequestKeyRules::read_folder(const NodeRoot& root) {
    auto opened = root.open_at(kFolder, O_RDONLY | O_DIRECTORY);
    if (!opened && opened.error().code == ENOENT) return {};
    if (!opened) return nsutil::propagate(opened);
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(opened->get()));
    if (!folder) return nsutil::fail_errno(kFolder);
    (void)opened->release();  // the stream's now
    std::vector<std::string> names;
    while (const auto* entry = ::readdir(folder.get())) {
        const std::string name = entry->d_name;
        if (name.starts_with('.') || name.size() <= 5 || !name.ends_with(".conf")) continue;
        if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
            passed_over_.push_back(std::string(kFolder) + "/" + name);
        else
            names.push_back(name);
        if (names.size() > kFilesMost)
            return nsutil::fail(EFBIG, std::string(kFolder) + " holds too many files");
    }
    for (const auto& name : names)
        if (auto done = read_file(root, std::string(kFolder) + "/" + name); !done) return done;
    return {};
}

Result<RequestKeyRules> RequestKeyRules::read(const NodeRoot& root) {
    RequestKeyRules rules;
    if (auto done = rules.read_folder(root); !done) return nsutil::propagate(done);
    if (auto done = rules.read_file(root, kLastFile); !done && done.error().code != ENOENT)
        return nsutil::propagate(done);
    return rules;
}

RequestKeyAnswer RequestKeyRules::ask(const KeyQuestion& question) const {
    RequestKeyAnswer answer;
    Matched best;
    for (const auto& line : lines_) {
        const auto matched = match(line, question);
        if (matched.fit == Fit::stops) {
            answer.stopped_at = &line;
            answer.chosen = nullptr;
            return answer;
        }
        if (matched.fit != Fit::yes || (answer.chosen != nullptr && matched.wild >= best.wild)) continue;
        answer.chosen = &line;
        best = matched;
    }
    if (answer.chosen == nullptr) return answer;
    for (const auto& line : lines_) {
        const auto matched = match(line, question);
        constexpr std::size_t kDescription = 2;
        if (matched.fit != Fit::no || matched.fitting_columns != kDescription) continue;
        const auto wild = std::array{matched.wild[0], matched.wild[1]};
        const auto chosen = std::array{best.wild[0], best.wild[1]};
        const auto own = literal_bytes(matched.words[kDescription]);
        const auto bests = literal_bytes(best.words[kDescription]);
        if (wild < chosen || (wild == chosen && own > bests)) answer.before_for_others.push_back(&line);
    }
    return answer;
}

}  // namespace nsupcall::admin
