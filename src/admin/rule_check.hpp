#pragma once
/// @file
/// Whether upcalls of a machine come to nsupcall's helpers.

#include <string>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// One thing that is not as it should be, or may not be meant.
struct RuleFinding {
    bool fatal = false;  ///< upcalls go elsewhere, or nowhere; else some may, or it only looks odd
    std::string text;    ///< not escaped
};

/// Reads request-key's configuration as request-key does and asks it for an upcall of each kind. A helper
/// counts as nsupcall's by what its file holds: cifs-utils' have the same names.
/// @errors those of RequestKeyRules::read()
[[nodiscard]] nsutil::Result<std::vector<RuleFinding>> check_rules_win(const NodeRoot& root);

/// Whether `path` is a program that says that it is one of nsupcall.
[[nodiscard]] bool is_our_helper(const NodeRoot& root, const std::string& path);

}  // namespace nsupcall::admin
