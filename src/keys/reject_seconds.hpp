#pragma once
/// @file
/// How long a rejection lasts.

namespace nsupcall {

/// Seconds for which a rejected key keeps its errno: short, so that a kinit helps at once.
///
/// The kernel counts in whole seconds of the clock and looks at the key once more when the helper has exited:
/// one second could be over by then, and the errno with it. So it is half a second at least, one and a half
/// at most.
/// @param nanoseconds  of the clock's current second
/// @source  Linux security/keys/request_key.c, call_sbin_request_key(): key_validate()
[[nodiscard]] constexpr unsigned reject_seconds(long nanoseconds) {
    constexpr long kHalfSecond = 500'000'000;
    return nanoseconds < kHalfSecond ? 1 : 2;
}

}  // namespace nsupcall
