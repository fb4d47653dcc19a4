#pragma once
/// @file
/// From relations to rules.

#include <string>
#include <string_view>
#include <vector>

#include "rules/rule.hpp"

namespace nsupcall {

/// What is wrong with one relation.
struct Finding {
    std::string file;
    unsigned line = 0;  ///< 0 where it cannot be told
    std::string text;
    std::string rule;  ///< "" for [defaults]
    std::string key;
    unsigned occurrence = 0;  ///< which of the key's relations, from 0
};

/// Takes one "key = value" of [defaults] or of a rule.
/// @param conditions  null in [defaults], which has none
/// @errors EINVAL unknown key, bad value, or a second value for a key that takes one
[[nodiscard]] nsutil::Result<void> apply_relation(const std::string& key, const std::string& value,
                                                  bool first, Settings& settings, Conditions* conditions);

/// Every key, for manuals and their tests: name, and whether it is a condition.
struct KeyInfo {
    std::string_view name;
    bool condition;
    bool several;  ///< may be given more than once; every value counts
};
[[nodiscard]] std::vector<KeyInfo> all_keys();

}  // namespace nsupcall
