#pragma once
/// @file
/// Everything that is wrong with a configuration, for people.

#include <string>
#include <vector>

#include "rules/rule_set.hpp"

namespace nsupcall {

/// The findings of loading, and rules that no request can reach because one before them takes them all.
[[nodiscard]] std::vector<Finding> check_rules(const RuleSet& set);

/// "/etc/nsupcall.conf:12: rule 20-web: bad value ..."
[[nodiscard]] std::string describe(const Finding& finding);

}  // namespace nsupcall
