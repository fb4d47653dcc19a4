#pragma once
/// @file
/// Where the agent listens.

#include <cstddef>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::admin {

/// A numeric address with a port.
struct ListenAddress {
    static constexpr int kWaitingMost = 64;  ///< connections that nobody has taken yet

    std::string text;              ///< as it was given
    std::vector<std::byte> bytes;  ///< a sockaddr

    /// "127.0.0.1:9847", "[::1]:9847". @errors EINVAL
    [[nodiscard]] static nsutil::Result<ListenAddress> parse(const std::string& text);
    /// A listening, non-blocking socket. @errors those of socket(2), bind(2), listen(2)
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> listen() const;
};

}  // namespace nsupcall::admin
