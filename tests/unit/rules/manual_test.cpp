/// @file
/// nsupcall.conf(5) and the example file, compared with the parser.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "rules/expand.hpp"
#include "rules/rule_parser.hpp"
#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

/// Words behind `before` at the beginning of a line of a text, up to the next blank.
std::set<std::string> words_behind(const std::string& text, const std::string& before) {
    std::set<std::string> words;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);)
        if (line.starts_with(before))
            words.insert(line.substr(before.size(), line.find(' ', before.size()) - before.size()));
    return words;
}

TEST(RulesManual, Manual_HasEveryKeyAndSourceAndVariable_AndNoOther) {
    const auto manual = must(read_file(fs::path(NSUPCALL_DOCS) / "man/nsupcall.conf.5"));
    std::set<std::string> keys;
    for (const auto& key : all_keys()) keys.emplace(key.name);
    EXPECT_EQ(keys, words_behind(manual, ".It Ic "));
    for (const auto source : kDefaultSources)
        EXPECT_NE(std::string::npos, manual.find(fmt::format(".It Cm {}\n", source_name(source))))
            << source_name(source);
    for (const auto name : kIdSourceNames)
        EXPECT_NE(std::string::npos, manual.find(fmt::format("Cm {}", name))) << name;
    for (const auto name : kVariables)
        EXPECT_NE(std::string::npos, manual.find(fmt::format("%{{{}}}", name))) << name;
}

TEST(RulesManual, CredentialsDocument_HasEverySourceInItsPicture_AndAnExampleOfEach) {
    const auto text = must(read_file(fs::path(NSUPCALL_DOCS) / "CREDENTIALS.md"));
    const auto picture = text.substr(0, text.find("## How one is chosen"));
    const auto examples = text.substr(text.find("## Each source, by example"));
    const std::pair<Source, const char*> headings[] = {{Source::environment, "**KRB5CCNAME.**"},
                                                       {Source::session, "**The session.**"},
                                                       {Source::rule, "**A rule's ccache.**"},
                                                       {Source::fallback, "**The default cache"},
                                                       {Source::tmp, "**/tmp.**"},
                                                       {Source::run_user, "**/run/user.**"},
                                                       {Source::csi, "**The CSI driver.**"},
                                                       {Source::host_ccache, "**Amazon ECS.**"},
                                                       {Source::keytab, "**Keytabs.**"},
                                                       {Source::gssproxy, "**gssproxy.**"}};
    EXPECT_EQ(std::size(kDefaultSources), std::size(headings));
    for (std::size_t at = 0; at < std::size(kDefaultSources); ++at) {
        const auto numbered = fmt::format("{} {} ", at + 1, source_name(kDefaultSources[at]));
        EXPECT_NE(std::string::npos, picture.find(numbered)) << numbered;
        EXPECT_EQ(kDefaultSources[at], headings[at].first);
        EXPECT_NE(std::string::npos, examples.find(headings[at].second)) << headings[at].second;
    }
}

TEST(RulesManual, ExampleFile_ShowsEverySetting) {
    // Conditions are shown by the rules; each setting that a site may want stands there to be switched on.
    const auto example = must(read_file(fs::path(NSUPCALL_DOCS) / "nsupcall.conf.example"));
    for (const auto& key : all_keys())
        EXPECT_NE(std::string::npos, example.find(fmt::format(" {} = ", key.name))) << key.name;
}

}  // namespace
}  // namespace nsupcall::test
