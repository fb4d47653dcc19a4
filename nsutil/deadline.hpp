#pragma once
/// @file
/// A point in time that everything has to be finished by.

#include <chrono>

namespace nsutil {

/// A fixed point on CLOCK_MONOTONIC (which no clock adjustment moves). Cheap to copy.
class Deadline {
  public:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] static Deadline after(std::chrono::milliseconds span) {
        return Deadline(Clock::now() + span);
    }

    [[nodiscard]] static Deadline at(Clock::time_point end) { return Deadline(end); }

    /// Milliseconds that are left, rounded up, as poll(2) takes them; 0 once it has passed.
    [[nodiscard]] int remaining_ms() const {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now()).count();
        constexpr long kMostMs = 24L * 3600 * 1000;
        return left <= 0 ? 0 : static_cast<int>(left < kMostMs ? left : kMostMs);
    }

    /// The point itself, for another process of the same machine.
    [[nodiscard]] Clock::time_point end() const { return end_; }

    [[nodiscard]] bool passed() const { return Clock::now() >= end_; }

  private:
    explicit Deadline(Clock::time_point end) : end_(end) {}
    Clock::time_point end_;
};

}  // namespace nsutil
