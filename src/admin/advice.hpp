#pragma once
/// @file
/// What to do about an upcall that would fail.

#include <string>
#include <vector>

#include "admin/explain_report.hpp"

namespace nsupcall::admin {

/// One or more pieces of advice, each a sentence or two; everything from outside is escaped. Empty where
/// there is nothing to do.
/// @param now  Unix time in seconds
[[nodiscard]] std::vector<std::string> advise(const ExplainReport& report, std::int64_t now);

}  // namespace nsupcall::admin
