#pragma once
/// @file
/// nsupcall explain's report for people.

#include <cstdint>
#include <string>

#include "admin/explain_report.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {

/// Several lines; everything from outside is escaped.
/// @param now  Unix time in seconds
[[nodiscard]] std::string explain_text(const ExplainReport& report, const Painter& painter, std::int64_t now);

/// "would succeed as alice@R", "would fail with ENOKEY: ...", "cannot be told".
[[nodiscard]] std::string outcome_words(const ExplainReport& report);

[[nodiscard]] std::string_view kdc_state_words(KdcState state);

}  // namespace nsupcall::admin
