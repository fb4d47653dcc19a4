#include "bench/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>

namespace nsupcall::bench {

double quantile(std::vector<double> values, double q) {
    if (values.empty()) return 0;
    std::ranges::sort(values);
    const double position = q * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(std::floor(position));
    const auto above = std::min(below + 1, values.size() - 1);
    const double part = position - static_cast<double>(below);
    return values[below] * (1 - part) + values[above] * part;
}

std::string Ratio::text() const {
    return fmt::format("{:.3f} ({:.3f} to {:.3f})", value, low, high);
}

Ratio ratio_of_medians(const std::vector<double>& ours, const std::vector<double>& theirs) {
    constexpr int kDraws = 2000;
    const std::size_t rounds = std::min(ours.size(), theirs.size());
    if (rounds == 0) return {};
    std::mt19937 random(20240229);
    std::uniform_int_distribution<std::size_t> pick(0, rounds - 1);
    std::vector<double> drawn;
    std::vector<double> a(rounds), b(rounds);
    for (int draw = 0; draw < kDraws; ++draw) {
        for (std::size_t at = 0; at < rounds; ++at) {
            const auto round = pick(random);
            a[at] = ours[round];
            b[at] = theirs[round];
        }
        drawn.push_back(median(a) / median(b));
    }
    constexpr double kTail = 0.025;
    return {median(ours) / median(theirs), quantile(drawn, kTail), quantile(drawn, 1 - kTail)};
}

}  // namespace nsupcall::bench
