#pragma once
/// @file
/// What upcalls came to since the agent started, counted from the history ring.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "trace/history.hpp"

namespace nsupcall::admin {

/// Counters that only grow.
class UpcallCounters {
  public:
    /// Upper ends of the histogram's buckets in microseconds; one more has no end.
    static constexpr std::array<std::uint64_t, 14> kBucketsUs = {
        1'000,   2'500,   5'000,     10'000,    25'000,    50'000,     100'000,
        250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 15'000'000};
    static constexpr std::size_t kSeriesMost = 200;  ///< of type, result and errno

    struct Histogram {
        std::array<std::uint64_t, kBucketsUs.size() + 1> counts{};  ///< not cumulative
        std::uint64_t sum_us = 0;
    };
    struct Series {
        std::string type, result, error;
        auto operator<=>(const Series&) const = default;
    };

    /// Takes in what is new in the ring. The first call only finds out where it ends.
    /// @errors those of History::since(); ENOENT counts as an empty ring
    [[nodiscard]] nsutil::Result<void> read(const History& history, std::int64_t now_us);

    [[nodiscard]] const std::map<Series, std::uint64_t>& upcalls() const { return upcalls_; }
    [[nodiscard]] const std::map<std::string, Histogram>& durations() const { return durations_; }
    [[nodiscard]] const std::map<std::string, std::uint64_t>& forged() const { return forged_; }
    [[nodiscard]] std::uint64_t lost() const { return lost_; }
    [[nodiscard]] std::uint64_t last_sequence() const { return next_ - 1; }
    [[nodiscard]] std::uint64_t left_out() const { return left_out_; }

  private:
    void count(const HistoryRecord& record);

    bool begun_ = false;
    std::uint64_t next_ = 1, generation_ = 0, lost_ = 0, left_out_ = 0;
    std::map<Series, std::uint64_t> upcalls_;
    std::map<std::string, Histogram> durations_;
    std::map<std::string, std::uint64_t> forged_;
};

/// "cifs.spnego", "cifs.idmap", "dns_resolver", "logon"; "other" for the rest.
[[nodiscard]] std::string upcall_type(std::string_view call);

}  // namespace nsupcall::admin
