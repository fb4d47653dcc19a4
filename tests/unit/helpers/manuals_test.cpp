/// @file
/// The manuals of the helpers, their usage texts and the options they know: all three say the same.

#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "helpers/idmap_options.hpp"
#include "helpers/options.hpp"
#include "request/call_type.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using Words = std::set<std::string>;

std::string file_of_project(const std::string& path) {
    return must(read_file(fs::path(NSUPCALL_SOURCE_DIR) / path));
}

/// Every first group of `pattern` in `text`.
Words all_matches(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    Words words;
    for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
        words.insert((*match)[1]);
    return words;
}

/// The part of a manual under the heading `name`, without roff's escapes.
std::string section(const std::string& manual, const std::string& name) {
    const auto begin = manual.find(".SH " + name + "\n");
    if (begin == std::string::npos) return {};
    const auto text = manual.substr(begin, manual.find("\n.SH ", begin) - begin + 1);
    return std::regex_replace(std::regex_replace(text, std::regex(R"(\\f[BIR])"), ""), std::regex(R"(\\-)"),
                              "-");
}

/// "--expire" and "-e" where the line behind a .TP names them.
Words options_of_manual(const std::string& manual) {
    Words options;
    std::istringstream lines(section(manual, "OPTIONS"));
    bool names = false;
    for (std::string line; std::getline(lines, line); names = line == ".TP")
        if (names) options.merge(all_matches(line, R"((?:^|[ "])(--?[A-Za-z][a-z0-9-]*))"));
    return options;
}

Words options_of_usage(const std::string& usage) {
    Words options;
    std::istringstream lines(usage);
    for (std::string line; std::getline(lines, line);)
        if (std::smatch head; std::regex_search(line, head, std::regex(R"(^ +(-.*?)(?:   |  |$))")))
            options.merge(all_matches(" " + head[1].str(), R"([ ,](--?[A-Za-z][a-z0-9-]*))"));
    return options;
}

/// What getopt_long(3) is told.
Words options_of_source(const std::string& source) {
    Words options;
    for (const auto& name : all_matches(source, R"rx(\{"([a-z0-9-]+)", (?:no|required)_argument)rx"))
        options.insert("--" + name);
    const auto letters = all_matches(source, R"rx(kShort = ":([A-Za-z:]+)")rx");
    for (const char letter : letters.empty() ? std::string() : *letters.begin())
        if (letter != ':') options.insert(std::string("-") + letter);
    return options;
}

TEST(Manuals, Options_AreThoseOfTheParserAndOfTheUsage) {
    const struct {
        const char *manual, *source, *usage;
    } helpers[] = {{"docs/man/cifs.upcall.8", "src/helpers/options.cpp", helper_usage()},
                   {"docs/man/cifs.idmap.8", "src/helpers/idmap_options.cpp", idmap_usage()}};
    for (const auto& [manual, source, usage] : helpers) {
        const auto known = options_of_source(file_of_project(source));
        EXPECT_GT(known.size(), 10U);
        EXPECT_EQ(known, options_of_manual(file_of_project(manual))) << manual;
        EXPECT_EQ(known, options_of_usage(usage)) << source;
    }
}

TEST(Manuals, CallTypes_AreAllThere) {
    const auto calls = section(file_of_project("docs/man/cifs.upcall.8"), "CALL TYPES");
    for (std::uint8_t at = 0; at < kCallTypes; ++at) {
        const auto name = std::string(call_type_name(static_cast<CallType>(at)));
        EXPECT_TRUE(calls.contains(name)) << name;
        EXPECT_TRUE(std::string_view(helper_usage()).contains(name)) << name;
    }
}

TEST(Manuals, ExitStatuses_AreThoseOfTheCode) {
    const auto known = all_matches(
        file_of_project("src/helpers/key_call.hpp") + file_of_project("src/helpers/last_word.hpp") +
            file_of_project("src/helpers/cifs_upcall.cpp") + file_of_project("src/helpers/upcall.cpp"),
        R"(kExit\w+ = (\d+))");
    for (const char* manual : {"docs/man/cifs.upcall.8", "docs/man/cifs.idmap.8"})
        EXPECT_EQ(known, all_matches(section(file_of_project(manual), "EXIT STATUS"), R"(\.TP\n(\d+)\n)"))
            << manual;
}

}  // namespace
}  // namespace nsupcall::test
