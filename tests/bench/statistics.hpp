#pragma once
/// @file
/// What a row of measurements says, and how sure it is.

#include <string>
#include <vector>

namespace nsupcall::bench {

/// The value below which the fraction `q` (0 to 1) of `values` lies, interpolated. 0 for an empty list.
[[nodiscard]] double quantile(std::vector<double> values, double q);

[[nodiscard]] inline double median(std::vector<double> values) {
    return quantile(std::move(values), 0.5);
}

/// A ratio of medians with its 95 % confidence interval.
struct Ratio {
    double value = 0, low = 0, high = 0;

    /// "0.71 (0.69 to 0.73)"
    [[nodiscard]] std::string text() const;
};

/// median(ours) / median(theirs), of rounds that measured both one after the other. The interval is a
/// bootstrap over whole rounds (2,000 draws, fixed seed), so that what disturbs a round disturbs both.
/// Both lists have the same length.
[[nodiscard]] Ratio ratio_of_medians(const std::vector<double>& ours, const std::vector<double>& theirs);

}  // namespace nsupcall::bench
