#pragma once
/// @file
/// A KDC that loses half of its answers.

#include <cstdint>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::bench {

/// Stands in front of a real KDC, on a port of its own, for UDP and TCP. Every first answer to a message is
/// lost; the answer to the same message sent again arrives. A TCP connection whose answer is lost stays open.
class LossyKdc {
  public:
    /// @param kdc_port  of the real one on 127.0.0.1
    [[nodiscard]] static nsutil::Result<LossyKdc> start(std::uint16_t kdc_port);
    LossyKdc(LossyKdc&& other) noexcept : port_(other.port_), child_(other.child_) { other.child_ = -1; }
    LossyKdc& operator=(LossyKdc&&) = delete;
    LossyKdc(const LossyKdc&) = delete;
    LossyKdc& operator=(const LossyKdc&) = delete;
    ~LossyKdc();

    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    LossyKdc(std::uint16_t port, int child) : port_(port), child_(child) {}
    std::uint16_t port_;
    int child_;
};

}  // namespace nsupcall::bench
