#pragma once
/// @file
/// The regression gate that no other load disturbs: how many system calls one fixed upcall makes.
///
/// Instructions would be finer, but cannot be counted here: a worker may not have the executable memory that
/// valgrind needs, and the machines have no performance counters.

#include <cstdint>
#include <filesystem>
#include <string>

#include "bench/scenario.hpp"
#include "bench/side.hpp"

namespace nsupcall::bench {

struct CallCount {
    std::uint64_t broker = 0, worker = 0;  ///< from execve on, the dynamic linker's included
};

/// Answers one request of `scenario` under strace(1); the answer must be a key.
[[nodiscard]] nsutil::Result<CallCount> count_calls(const Scenario& scenario, const test::Realm& realm,
                                                    SideSpec ours);

/// Reads "broker N" and "worker N" lines; '#' begins a comment.
[[nodiscard]] nsutil::Result<CallCount> read_expected(const std::filesystem::path& file);

/// Whether neither count is more than 5 % above its expected value.
[[nodiscard]] bool within_slack(const CallCount& counted, const CallCount& expected);

}  // namespace nsupcall::bench
