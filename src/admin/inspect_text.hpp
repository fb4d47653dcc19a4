#pragma once
/// @file
/// nsupcall inspect's reports for people and for programs.

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "admin/inspect_report.hpp"
#include "admin/terminal.hpp"

namespace nsupcall::admin {

/// Several lines; everything from outside is escaped.
[[nodiscard]] std::string inspect_text(const InspectReport& report, const Painter& painter);

/// As docs/schema/inspect.schema.json has it. Texts are as they came, but for bytes that are no UTF-8.
[[nodiscard]] nlohmann::ordered_json inspect_json(const std::vector<InspectReport>& reports);

}  // namespace nsupcall::admin
