#pragma once
/// @file
/// Reports of the sanitizers in helpers that the kernel started, whose standard error leads nowhere.

#include <string>
#include <vector>

namespace nsupcall::test {

/// The reports that helpers of this build wrote (see sanitizer_defaults.cpp); they are removed. Always empty
/// in a build without sanitizers.
[[nodiscard]] std::vector<std::string> take_sanitizer_reports();

/// Removes the reports of earlier runs, and makes the folder that they are written to.
void clear_sanitizer_reports();

}  // namespace nsupcall::test
