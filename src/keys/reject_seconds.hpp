#pragma once
/// @file
/// How long a rejection lasts.

#include <ctime>

namespace nsupcall {

/// The clock by which the kernel counts the lives of keys: it goes on with the timer's ticks. For some
/// milliseconds after a second has begun the precise clock is a second ahead of it, and a life of one second
/// could end with the tick.
/// @source  Linux security/keys/key.c: ktime_get_real_seconds()
inline constexpr clockid_t kRejectClock = CLOCK_REALTIME_COARSE;

/// Seconds for which a rejected key keeps its errno: short, so that a kinit helps at once.
///
/// The kernel counts in whole seconds of the clock and looks at the key once more when the helper has exited:
/// one second could be over by then, and the errno with it. So it is half a second at least, one and a half
/// at most.
/// @param nanoseconds  of the current second of kRejectClock
/// @source  Linux security/keys/request_key.c, call_sbin_request_key(): key_validate()
[[nodiscard]] constexpr unsigned reject_seconds(long nanoseconds) {
    constexpr long kHalfSecond = 500'000'000;
    return nanoseconds < kHalfSecond ? 1 : 2;
}

}  // namespace nsupcall
