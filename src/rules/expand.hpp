#pragma once
/// @file
/// Patterns with %{...} in them.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall {

/// Values for %{name}. All of them come from the request or the namespace: they are not trusted.
using Variables = std::vector<std::pair<std::string_view, std::string>>;

/// The names that a pattern may use.
inline constexpr std::string_view kVariables[] = {"uid",   "euid",      "host_uid", "username", "host",
                                                  "label", "container", "realm",    "address"};

/// Replaces every %{name} by its value, %% by a per cent sign.
///
/// A value that holds '/', '\\', a glob character, a blank or a control character, or that begins with a
/// dot, is refused: it could lead a path or a pattern elsewhere.
/// @errors ENODATA a variable has no value (or an empty one) here; EINVAL a malformed pattern, an unknown
///         variable, or a value that is refused
[[nodiscard]] nsutil::Result<std::string> expand(std::string_view pattern, const Variables& variables);

/// Checks a pattern without values. @errors EINVAL with what is wrong
[[nodiscard]] nsutil::Result<void> check_pattern(std::string_view pattern);

}  // namespace nsupcall
