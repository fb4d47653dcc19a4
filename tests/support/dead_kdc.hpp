#pragma once
/// @file
/// A KDC that never answers.

#include <cstdint>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// A UDP and a TCP socket bound to the same port of 127.0.0.1 that nobody ever reads: packets are taken and
/// connections are made, and that is all.
class DeadKdc {
  public:
    [[nodiscard]] static nsutil::Result<DeadKdc> open();
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    DeadKdc(nsutil::UniqueFd tcp, nsutil::UniqueFd udp, std::uint16_t port)
        : tcp_(std::move(tcp)), udp_(std::move(udp)), port_(port) {}
    nsutil::UniqueFd tcp_;
    nsutil::UniqueFd udp_;
    std::uint16_t port_;
};

}  // namespace nsupcall::test
