/// @file
/// The threat model names the test that shows each wall: those tests must be there.

#include <fnmatch.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Test names by suite; what a table of cases calls its rows counts as well.
std::map<std::string, std::set<std::string>> all_tests() {
    const std::regex definition(R"(\b(?:FORKED_)?TEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))"), row(R"rx(\{"(\w+)",)rx");
    std::map<std::string, std::set<std::string>> tests;
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(NSUPCALL_SOURCE_DIR) / "tests")) {
        if (entry.path().extension() != ".cpp") continue;
        const auto text = text_of(entry.path());
        std::set<std::string> rows, suites;
        const std::sregex_iterator end;
        for (std::sregex_iterator match(text.begin(), text.end(), row); match != end; ++match)
            rows.insert((*match)[1]);
        for (std::sregex_iterator match(text.begin(), text.end(), definition); match != end; ++match) {
            tests[(*match)[1]].insert((*match)[2]);
            suites.insert((*match)[1]);
        }
        for (const auto& suite : suites) tests[suite].insert(rows.begin(), rows.end());
    }
    return tests;
}

TEST(ThreatModel, TestsThatItNames_AreThere) {
    const auto tests = all_tests();
    const auto text = text_of(fs::path(NSUPCALL_SOURCE_DIR) / "docs/THREAT-MODEL.md");
    // `Suite.name`, and `.name` for one more of the same suite; stars stand for any text.
    const std::regex named(R"(`(?:\w+/)?([A-Z]\w*)?\.(\*|[A-Z][\w*]*)(?:/[\w*]+)?`)");
    std::string suite;
    std::size_t count = 0;
    for (std::sregex_iterator match(text.begin(), text.end(), named), end; match != end; ++match, ++count) {
        if ((*match)[1].matched) suite = (*match)[1];
        const auto found = tests.find(suite);
        ASSERT_NE(tests.end(), found) << suite;
        const std::string pattern = (*match)[2];
        EXPECT_TRUE(std::ranges::any_of(
            found->second,
            [&](const std::string& name) { return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0; }))
            << suite << "." << pattern;
    }
    EXPECT_GT(count, 40U);
}

}  // namespace
}  // namespace nsupcall
