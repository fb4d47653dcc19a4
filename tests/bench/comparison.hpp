#pragma once
/// @file
/// One scenario, several sides, measured in interleaved rounds.

#include <string>
#include <vector>

#include "bench/scenario.hpp"
#include "bench/side.hpp"
#include "bench/work_count.hpp"

namespace nsupcall::bench {

/// What one side came to.
struct SideResult {
    std::string name;
    SideKind kind = SideKind::theirs;
    std::string failure{};         ///< why it was left out, e.g. "ENOKEY"; empty where it was measured
    std::vector<double> waited{};  ///< microseconds of each round, as the requester waited
    std::vector<double> lived{};   ///< microseconds of each round, from the helper's execve to its end
    Work work{};                   ///< system calls and memory of one upcall; empty where not counted
};

struct Comparison {
    std::string scenario, title;
    std::vector<double>
        bare_floor{};               ///< microseconds that a requester waited for the floor without launcher
    std::vector<SideResult> sides;  ///< ours first, the floor last
};

/// Measures `rounds` rounds after three that are thrown away. In each round every side is asked once; who
/// comes first changes from round to round. Every answer is checked to be one; the first of each side is
/// accepted by the service's keytab.
///
/// @param launcher  the program that runs the helpers at real-time priority and times them: on a machine
/// where
///                  others work, what a requester waits for says more of them than of us
/// A peer that fails in the first rounds is left out, and said so.
/// @errors  EPROTO a side of ours answered wrongly, or any side did later on
[[nodiscard]] nsutil::Result<Comparison> compare(const Scenario& scenario, const test::Realm& realm,
                                                 const std::vector<SideSpec>& sides, int rounds,
                                                 const std::string& launcher);

/// What is compared: the helpers' lifetimes, plus what the kernel and request-key need besides (the same for
/// every side: what the best tenth of floors without launcher took beyond the floor itself).
[[nodiscard]] std::vector<double> whole_upcalls(const Comparison& comparison, const SideResult& side);

/// A line for each side: p10, median, p95, and our ratio to it.
[[nodiscard]] std::string table_of(const Comparison& comparison);
/// A JSON object.
[[nodiscard]] std::string json_of(const Comparison& comparison);

}  // namespace nsupcall::bench
