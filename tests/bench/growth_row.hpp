#pragma once
/// @file
/// One row of the growth benchmark: what an upcall costs at each size, as a ratio to the smallest.

#include <string>
#include <vector>

#include "bench/growth_axis.hpp"
#include "bench/statistics.hpp"

namespace nsupcall::bench {

struct GrowthOptions {
    std::string launcher;
    std::string ours;          ///< "engine", or a helper's path
    int rounds = 200;          ///< side by side: of each size
    int cycles = 12;           ///< on the host: of small and big
    int rounds_in_cycle = 15;  ///< at each size; those before that are thrown away not counted
    bool ends_only = false;    ///< the smallest size and the largest, on the host no more than a thousand
};

struct GrowthPoint {
    unsigned size = 0;
    double microseconds = 0;  ///< median of the life of the front end or helper
    Ratio to_smallest{1, 1, 1};
    Ratio of_floor{1, 1, 1};  ///< what became of the floor; 1 side by side, where it is not measured
    Ratio to_floor{1, 1, 1};  ///< the first by the second, measured turn by turn
};

struct GrowthRow {
    std::string name, title;
    bool side_by_side = false;
    std::vector<GrowthPoint> points;

    /// The first size that costs more than `most` times the smallest with its whole interval, and not only
    /// because the floor does; nullptr: none.
    [[nodiscard]] const GrowthPoint* grown(double most) const;
};

/// Measures in pairs, so that what the machine does meanwhile is in both halves.
///
/// Sizes that can be side by side are asked one after the other in each round, and the interval is one over
/// rounds. Else the host grows and shrinks in quick turns: small, big, small, big, ..., small. A pair is a
/// big turn and the mean of the small ones before and after it. The floor (a program that refuses) is run in
/// the same rounds: what the kernel itself takes longer to run a program is no cost of ours.
/// @errors  EPROTO an answer that is none; what keeps the axis from growing
[[nodiscard]] nsutil::Result<GrowthRow> measure_growth(GrowthAxis& axis, const GrowthOptions& options,
                                                       const test::Realm& realm);

}  // namespace nsupcall::bench
