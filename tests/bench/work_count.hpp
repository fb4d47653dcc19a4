#pragma once
/// @file
/// How much the processes of one fixed upcall execute: what no other load on the machine disturbs.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "bench/scenario.hpp"

namespace nsupcall::bench {

enum class WorkUnit : std::uint8_t { calls, instructions, nanoseconds };
/// "calls", "instructions", "nanoseconds"
[[nodiscard]] std::string unit_name(WorkUnit unit);

struct ProcessWork {
    std::uint64_t count = 0;
    std::uint64_t kib = 0;  ///< proportional set size at its end
    double cpu_us = 0;      ///< on a processor, of its whole life; 0 where not measured
};

/// By process: "broker" and "worker"; with an engine "front", "servant" and "worker". In nanoseconds also
/// "engine": what it takes to have the next servant ready.
using Work = std::map<std::string, ProcessWork>;

/// Has `side` answer one request of `scenario` under step_tracer; the answer must be a key.
///
/// The C library is told to take no notice of the processor's extensions, so that its string functions are
/// the same everywhere. What is not sealed counts as the broker's: all of cifs-utils.
/// @param side  a helper, as Scenario::sides() made it
[[nodiscard]] nsutil::Result<Work> count_helper(const Scenario& scenario, const test::Realm& realm,
                                                const std::filesystem::path& tracer, const SideSpec& side,
                                                WorkUnit unit);

/// The same by the front end, with these options, and an engine of its own. Servant and worker are counted
/// from their wait for a request on.
[[nodiscard]] nsutil::Result<Work> count_engine(const Scenario& scenario, const test::Realm& realm,
                                                const std::filesystem::path& tracer,
                                                const std::vector<std::string>& options, WorkUnit unit);

/// Counts by "<way> <process> <unit>": "helper broker calls", "engine worker instructions", ...
using WorkCounts = std::map<std::string, std::uint64_t>;

/// Reads lines "<name> <count>"; '#' begins a comment.
[[nodiscard]] nsutil::Result<WorkCounts> read_counts(const std::filesystem::path& file);

/// Says in one line for each count how it compares.
/// @return whether none is missing and none more than 5 % above what is expected
[[nodiscard]] bool within_slack(const WorkCounts& counted, const WorkCounts& expected, std::string& report);

}  // namespace nsupcall::bench
