#pragma once
/// @file
/// Running nsupcall(8) from tests.

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/must.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// Runs `nsupcall ARGUMENTS...` with its output into a pipe.
inline Finished nsupcall_command(std::vector<std::string> arguments,
                                 std::vector<std::string> environment = {}) {
    arguments.insert(arguments.begin(), NSUPCALL_COMMAND_PATH);
    return must(run_program({.argv = std::move(arguments), .environment = std::move(environment)}));
}

/// The one line of JSON that a command printed, which its schema (a file below docs/schema) describes.
inline nlohmann::json checked_json(const std::string& output, const std::string& schema) {
    const auto folder = must(TempDir::create());
    const auto file = folder.path() / "document";
    must(write_file(file, nlohmann::json::parse(output).dump(-1, ' ', true) + "\n"));
    const auto validated =
        must(run_program({.argv = {"sh", "-c", "exec \"$0\" \"$1\" < \"$2\"", NSUPCALL_VALIDATE_PATH,
                                   std::string(NSUPCALL_SCHEMA_DIR) + "/" + schema, file.string()}}));
    EXPECT_EQ(0, validated.exit_code) << validated.output << output;
    for (const char c : output)
        EXPECT_TRUE((c >= ' ' && c < 0x7f) || c == '\n') << "a byte that is no printable ASCII";
    return nlohmann::json::parse(output);
}

/// nsupcall_command(), expecting this status and such a line.
inline nlohmann::json nsupcall_json(std::vector<std::string> arguments, const std::string& schema,
                                    int exit_code = 0) {
    const auto finished = nsupcall_command(std::move(arguments));
    EXPECT_EQ(exit_code, finished.exit_code) << finished.output;
    return checked_json(finished.output, schema);
}

}  // namespace nsupcall::test
