#pragma once
/// @file
/// JSON that is safe to print: pure ASCII, whatever it holds.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace nsupcall::admin {

/// Text from outside as a JSON string: well-formed UTF-8 as it is, else with its odd bytes as \xNN.
[[nodiscard]] std::string json_string(std::string_view text);

/// The same, or null where there is none.
[[nodiscard]] nlohmann::ordered_json optional_text(std::string_view text);

/// Seconds since the epoch, or null where `time` is 0: not known, or not to be had.
[[nodiscard]] nlohmann::ordered_json optional_time(std::int64_t time);

/// The document on one line (RFC 8259), everything past ASCII as \uXXXX: no byte of it can steer a terminal
/// or reorder what is shown.
/// @param indent  blanks a level; negative: on one line
[[nodiscard]] std::string print_json(const nlohmann::ordered_json& document, int indent = -1);

}  // namespace nsupcall::admin
