#include "bench/growth_row.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "bench/bench_engine.hpp"
#include "bench/launched_side.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

constexpr int kUntimed = 3;
constexpr unsigned kFirstNumber = 1, kFloorNumber = 2;  // of sides; side by side there is no floor

/// Our side at the places of one axis, and its engines.
class Sides {
  public:
    Sides(const GrowthOptions& options, const test::Realm& realm) : options_(options), realm_(realm) {}

    Result<LaunchedSide> install(const GrowthPlace& place, unsigned number) {
        SideSpec spec{
            "nsupcall, helper", options_.ours, {"--test-type=cifs.spnego", "%k"}, SideKind::our_helper};
        if (options_.ours == "engine") {
            auto engine = engine_for(place);
            if (!engine) return nsutil::propagate(engine);
            spec = (*engine)->side("nsupcall, engine");
        }
        spec.add_options(place.side_options);
        return LaunchedSide::install(spec, *place.scenario, realm_, number, options_.launcher);
    }
    Result<LaunchedSide> install_floor(const GrowthPlace& place, unsigned number) {
        const SideSpec floor{"floor", "/bin/keyctl", {"negate", "%k", "1", "@s"}, SideKind::floor};
        return LaunchedSide::install(floor, *place.scenario, realm_, number, options_.launcher);
    }

  private:
    Result<BenchEngine*> engine_for(const GrowthPlace& place) {
        if (place.engine_options.empty() && !engines_.empty()) return engines_.front().get();
        auto engine = BenchEngine::start(BenchEngine::Priority::real_time, place.engine_options);
        if (!engine) return nsutil::propagate(engine);
        engines_.push_back(std::make_unique<BenchEngine>(std::move(*engine)));
        return engines_.back().get();
    }
    const GrowthOptions& options_;
    const test::Realm& realm_;
    std::vector<std::unique_ptr<BenchEngine>> engines_;
};

Result<double> life(const LaunchedSide& side, bool whole) {
    auto answer = side.ask(whole);
    if (!answer) return nsutil::propagate(answer);
    if (!answer->problem.empty())
        return nsutil::fail(EPROTO, fmt::format("{}: {}", side.spec().name, answer->problem));
    return answer->lived;
}

Result<void> measure_side_by_side(GrowthAxis& axis, const GrowthOptions& options, const test::Realm& realm,
                                  const std::vector<unsigned>& sizes, GrowthRow& row) {
    std::vector<GrowthPlace> places;
    for (const auto size : sizes) {
        auto place = axis.place(size);
        if (!place) return nsutil::propagate(place, axis.name());
        places.push_back(std::move(*place));
    }
    // An engine reads no rules ahead that may still be changing.
    if (!places.front().engine_options.empty()) std::this_thread::sleep_for(std::chrono::seconds(2));
    Sides ours(options, realm);
    std::vector<LaunchedSide> sides;
    for (const auto& place : places) {
        auto side = ours.install(place, static_cast<unsigned>(sides.size()) + kFirstNumber);
        if (!side) return nsutil::propagate(side);
        sides.push_back(std::move(*side));
    }
    std::vector<std::vector<double>> lives(sides.size());
    for (int round = -kUntimed; round < options.rounds; ++round)
        for (std::size_t turn = 0; turn < sides.size(); ++turn) {
            const auto at = (turn + static_cast<std::size_t>(round + kUntimed)) % sides.size();
            auto lived = life(sides[at], round == -kUntimed);
            if (!lived) return nsutil::propagate(lived);
            if (round >= 0) lives[at].push_back(*lived);
        }
    for (std::size_t at = 0; at < sizes.size(); ++at)
        row.points.push_back({.size = sizes[at],
                              .microseconds = median(lives[at]),
                              .to_smallest = ratio_of_medians(lives[at], lives.front())});
    return {};
}

/// What one turn came to.
struct Turn {
    double ours = 0, floor = 0;
};

Result<Turn> take_turn(const LaunchedSide& ours, const LaunchedSide& floor, int rounds) {
    std::vector<double> lives, floors;
    for (int round = -kUntimed; round < rounds; ++round) {
        auto lived = life(ours, round == -kUntimed);
        if (!lived) return nsutil::propagate(lived);
        auto least = life(floor, false);
        if (!least) return nsutil::propagate(least);
        if (round < 0) continue;
        lives.push_back(*lived);
        floors.push_back(*least);
    }
    return Turn{median(lives), median(floors)};
}

Result<void> measure_on_the_host(GrowthAxis& axis, const GrowthOptions& options, const test::Realm& realm,
                                 const std::vector<unsigned>& sizes, GrowthRow& row) {
    auto place = axis.place(sizes.front());
    if (!place) return nsutil::propagate(place, axis.name());
    Sides sides(options, realm);
    auto ours = sides.install(*place, kFirstNumber);
    if (!ours) return nsutil::propagate(ours);
    auto floor = sides.install_floor(*place, kFloorNumber);
    if (!floor) return nsutil::propagate(floor);
    const auto turn_at = [&](unsigned size) -> Result<Turn> {
        if (auto done = axis.grow_to(size); !done) return nsutil::propagate(done, axis.name());
        return take_turn(*ours, *floor, options.rounds_in_cycle);
    };
    std::vector<double> of_smallest;
    for (const auto size : sizes) {
        if (size == sizes.front()) {
            row.points.push_back({.size = size});
            continue;
        }
        std::vector<double> small, big, small_floor, big_floor, small_by_floor, big_by_floor;
        auto before = turn_at(sizes.front());
        if (!before) return nsutil::propagate(before);
        for (int cycle = 0; cycle < options.cycles; ++cycle) {
            auto now = turn_at(size);
            if (!now) return nsutil::propagate(now);
            if (auto done = axis.shrink(); !done) return nsutil::propagate(done, axis.name());
            auto after = turn_at(sizes.front());
            if (!after) return nsutil::propagate(after);
            of_smallest.push_back(before->ours);
            small.push_back((before->ours + after->ours) / 2);
            small_floor.push_back((before->floor + after->floor) / 2);
            small_by_floor.push_back(small.back() / small_floor.back());
            big.push_back(now->ours);
            big_floor.push_back(now->floor);
            big_by_floor.push_back(now->ours / now->floor);
            before = after;
        }
        row.points.push_back({size, median(big), ratio_of_medians(big, small),
                              ratio_of_medians(big_floor, small_floor),
                              ratio_of_medians(big_by_floor, small_by_floor)});
    }
    row.points.front().microseconds = median(of_smallest);
    return axis.shrink();
}

}  // namespace

const GrowthPoint* GrowthRow::grown(double most) const {
    const auto found = std::ranges::find_if(points, [&](const GrowthPoint& point) {
        return point.to_smallest.low > most && (side_by_side || point.to_floor.low > most);
    });
    return found == points.end() ? nullptr : &*found;
}

Result<GrowthRow> measure_growth(GrowthAxis& axis, const GrowthOptions& options, const test::Realm& realm) {
    GrowthRow row{axis.name(), axis.title(), axis.side_by_side(), {}};
    auto sizes = axis.sizes();
    if (options.ends_only) {
        // To grow takes longer than to measure.
        constexpr unsigned kQuickMost = 1000;
        sizes = {sizes.front(), row.side_by_side ? sizes.back() : std::min(sizes.back(), kQuickMost)};
    }
    auto measured = row.side_by_side ? measure_side_by_side(axis, options, realm, sizes, row)
                                     : measure_on_the_host(axis, options, realm, sizes, row);
    if (!measured) return nsutil::propagate(measured, row.name);
    return row;
}

}  // namespace nsupcall::bench
