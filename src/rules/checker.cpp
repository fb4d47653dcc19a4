#include "rules/checker.hpp"

#include <fcntl.h>

#include <algorithm>
#include <tuple>

#include "nsutil/bounded_read.hpp"
#include "rules/config_text.hpp"

namespace nsupcall {

std::vector<Finding> check_rules(const RuleSet& set) {
    auto findings = set.findings();
    const auto& rules = set.rules();
    for (std::size_t later = 1; later < rules.size(); ++later)
        for (std::size_t earlier = 0; earlier < later; ++earlier) {
            if (!rules[earlier].conditions.cover(rules[later].conditions)) continue;
            const auto text =
                nsutil::read_file_at(AT_FDCWD, rules[later].file.c_str(), RuleSet::kFileBytesMost);
            findings.push_back(
                {rules[later].file,
                 text ? line_of(*text, rules[later].name, {}, 0) : 0,
                 "it is never reached: rule " + rules[earlier].name + " takes all of its requests",
                 rules[later].name,
                 {},
                 0});
            break;
        }
    std::ranges::stable_sort(findings, {}, [](const Finding& one) { return std::tie(one.file, one.line); });
    return findings;
}

std::string describe(const Finding& finding) {
    std::string text = finding.file + ":";
    if (finding.line != 0) text += std::to_string(finding.line) + ":";
    if (!finding.rule.empty()) text += " rule " + finding.rule + ":";
    return text + " " + finding.text;
}

}  // namespace nsupcall
