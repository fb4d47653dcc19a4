#pragma once
/// @file
/// The agent's half that speaks HTTP: sealed, with nothing to steal but what it publishes.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "admin/listen_address.hpp"

namespace nsupcall::admin {

struct ServerOptions {
    static constexpr std::size_t kAddressesMost = 8;

    std::vector<ListenAddress> addresses;
    std::uint32_t uid = 65534, gid = 65534;  ///< whom it becomes where it is root
    unsigned interval_s = 15;
};

/// Bounds; the rest is libmicrohttpd's.
inline constexpr unsigned kConnectionsMost = 64;          ///< of each address
inline constexpr std::size_t kRequestMost = 16UL * 1024;  ///< bytes of memory for one connection's request
inline constexpr unsigned kIdleSeconds = 10;              ///< without a byte
inline constexpr unsigned kConnectionSeconds = 60;        ///< all together

/// Runs in a child of the collector: listens, gives everything up, and serves until the pipe ends.
/// @param snapshots  the reading end, non-blocking
/// @return the exit status: 0 the pipe ended, 2 it could not begin; says why on standard error
int run_server(const ServerOptions& options, int snapshots, pid_t collector);

}  // namespace nsupcall::admin
