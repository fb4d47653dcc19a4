#pragma once
/// @file
/// nsupcall explain's report for programs.

#include <nlohmann/json.hpp>

#include "admin/explain_report.hpp"

namespace nsupcall::admin {

/// As docs/schema/explain.schema.json has it. Texts are as they came, but for bytes that are no UTF-8, which
/// read \xNN; the advice is made for a terminal, escaped.
[[nodiscard]] nlohmann::ordered_json explain_json(const ExplainReport& report);

/// The parts that other documents share.
[[nodiscard]] nlohmann::ordered_json requester_json(const RequesterReport& requester);
[[nodiscard]] nlohmann::ordered_json workload_json(const Workload& workload);
[[nodiscard]] nlohmann::ordered_json id_map_json(const nsutil::IdMap& map);

}  // namespace nsupcall::admin
