#pragma once
/// @file
/// How long an upcall may take; no library is needed to know it.

#include <cstdint>

namespace nsupcall {

/// Milliseconds from the helper's start to its answer, the worst case. The file operation that waits cannot
/// be interrupted, and the kernel itself would never give up.
inline constexpr std::uint32_t kUsualDeadlineMs = 15'000;

}  // namespace nsupcall
