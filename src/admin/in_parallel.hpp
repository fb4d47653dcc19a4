#pragma once
/// @file
/// The same for many things, on all processors.

#include <cstddef>
#include <functional>

namespace nsupcall::admin {

/// How many shares in_parallel() makes of `count` things: one a processor, none smaller than `least`.
[[nodiscard]] std::size_t shares_of(std::size_t count, std::size_t least);

/// Calls `work(share, first, last)` for even shares of [0, count), each in a thread of its own, and returns
/// when all are done. The shares are in order. A thread that cannot be had is done without.
void in_parallel(std::size_t count, std::size_t shares,
                 const std::function<void(std::size_t share, std::size_t first, std::size_t last)>& work);

}  // namespace nsupcall::admin
