#pragma once
/// @file
/// How much the processes of one fixed upcall execute: what no other load on the machine disturbs.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "bench/scenario.hpp"

namespace nsupcall::bench {

enum class WorkUnit : std::uint8_t { calls, instructions };

/// Counts by "<way> <process> <unit>": "helper broker calls", "engine worker instructions", ...
using WorkCounts = std::map<std::string, std::uint64_t>;

/// Answers one request of `scenario` by `helper` under step_tracer; the answer must be a key.
///
/// The C library is told to take no notice of the processor's extensions, so that its string functions are the
/// same everywhere.
[[nodiscard]] nsutil::Result<WorkCounts> count_helper(const Scenario& scenario, const test::Realm& realm,
                                                      const std::filesystem::path& tracer,
                                                      const std::filesystem::path& helper, WorkUnit unit);

/// The same by the front end and an engine: front end, servant (counted from its wait for a request on) and
/// worker.
[[nodiscard]] nsutil::Result<WorkCounts> count_engine(const Scenario& scenario, const test::Realm& realm,
                                                      const std::filesystem::path& tracer, WorkUnit unit);

/// Reads lines "<name> <count>"; '#' begins a comment.
[[nodiscard]] nsutil::Result<WorkCounts> read_counts(const std::filesystem::path& file);

/// Says in one line for each count how it compares.
/// @return whether none is missing and none more than 5 % above what is expected
[[nodiscard]] bool within_slack(const WorkCounts& counted, const WorkCounts& expected, std::string& report);

}  // namespace nsupcall::bench
