#pragma once
/// @file
/// Files in the syntax of krb5.conf, read by libkrb5's own parser.

#include <string>
#include <utility>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall {

/// "section, subsection, ..., name" and a value. The parser keeps values of one name in the order of the
/// file, and sorts different names of a section.
using Relation = std::pair<std::vector<std::string>, std::string>;

inline constexpr std::size_t kRelationsMost = 65536;

/// Every relation of the file at `path`.
/// @errors native: libkrb5's profile error; EINVAL malformed, or past the limits; ENOKEY absent; EACCES
[[nodiscard]] nsutil::Result<std::vector<Relation>> read_profile(const std::string& path);

}  // namespace nsupcall
