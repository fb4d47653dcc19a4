#pragma once
/// @file
/// How fast forged requests are refused.

#include <atomic>
#include <cstdint>
#include <span>

#include "nsutil/result.hpp"

namespace nsupcall::engine {

/// Whoever is refused may ask again at once, and each request costs the host the start of request-key and of a
/// front end before anything can be refused. So those beyond a handful in a second get their answer late: an
/// asker waits for it, and a user has few keys under construction at a time (keyrings(7), quotas).
///
/// Only so many are held at a time: a front end that waits keeps one of the kernel's threads
/// (Linux kernel/umh.c, call_usermodehelper_exec_sync(); 512 of its queue run at a time).
///
/// Shared by the engine and its servants, any of which may end at any point; workers let go of it.
class Refusals {
  public:
    static constexpr unsigned kAtOnce = 16;      ///< a second that are answered at once
    static constexpr unsigned kHeldMost = 128;   ///< at a time
    static constexpr unsigned kHoldMs = 1000;

    /// @errors those of mmap(2)
    [[nodiscard]] static nsutil::Result<Refusals> create();

    /// Unmaps it, in a process that is not to have it. Nothing else may be called then.
    void drop();

    /// For how many milliseconds the next refusal is to be held.
    /// @param now_ms  any monotonic clock, above 0
    [[nodiscard]] unsigned hold_ms(std::uint64_t now_ms) const;

  private:
    struct Page {
        std::atomic<std::uint64_t> second, count;
        std::atomic<std::uint64_t> held_until[kHeldMost];
    };
    explicit Refusals(Page* page) : page_(page) {}
    Page* page_;
};

}  // namespace nsupcall::engine
