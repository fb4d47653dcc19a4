#pragma once
/// @file
/// Records of the history for people and for programs.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "admin/terminal.hpp"
#include "trace/history.hpp"

namespace nsupcall::admin {

/// One line: when, what came of it, how long it took, for whom, by whom, why.
[[nodiscard]] std::string history_line(const HistoryRecord& record, const Painter& painter);

/// The whole story, several lines.
/// @param now  Unix time in seconds
[[nodiscard]] std::string history_story(const HistoryRecord& record, const Painter& painter,
                                        std::int64_t now);

/// One record as docs/schema/history.schema.json has it. Texts are as they came, but for bytes that are no
/// UTF-8, which read \xNN.
[[nodiscard]] nlohmann::ordered_json history_json(const HistoryRecord& record);

/// The document around them.
[[nodiscard]] nlohmann::ordered_json history_document(const HistoryTail& tail);

}  // namespace nsupcall::admin
