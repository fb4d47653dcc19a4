#pragma once
/// @file
/// Reports of the sanitizers in helpers that the kernel started, whose standard error leads nowhere.

#include <string>
#include <vector>

namespace nsupcall::test {

/// The reports that helpers of this build wrote since this process began (see sanitizer_defaults.cpp); they
/// are removed. Always empty in a build without sanitizers.
[[nodiscard]] std::vector<std::string> take_sanitizer_reports();

/// Makes the folder that reports are written to, and removes those that are over an hour old.
void prepare_sanitizer_reports();

}  // namespace nsupcall::test
