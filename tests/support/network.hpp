#pragma once
/// @file
/// Loopback ports and devices.

#include <cstdint>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// A port of 127.0.0.1 that is free for both UDP and TCP in the network namespace `netns_fd` (-1: the
/// caller's). Somebody else may take it before it is used, so a user must be ready to ask again.
[[nodiscard]] nsutil::Result<std::uint16_t> free_loopback_port(int netns_fd = -1);

/// Brings `lo` of the caller's network namespace up.
[[nodiscard]] nsutil::Result<void> bring_loopback_up();

/// True where something listens on TCP 127.0.0.1:`port` in the network namespace.
[[nodiscard]] bool is_listening(std::uint16_t port, int netns_fd = -1);

}  // namespace nsupcall::test
