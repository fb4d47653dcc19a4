#pragma once
/// @file
/// Ownership of a file descriptor. A plain `int` in this project only borrows.

#include <unistd.h>

#include <utility>

namespace nsutil {

/// Owns one file descriptor, or none. Move-only; closes on destruction.
class UniqueFd {
  public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        // Through a temporary, so that assigning to oneself keeps the descriptor.
        UniqueFd taken(std::move(other));
        std::swap(fd_, taken.fd_);
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Gives the descriptor up without closing it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes what is held. EINTR is not retried: Linux has closed the number by then.
    void reset() noexcept {
        if (fd_ >= 0) (void)::close(std::exchange(fd_, -1));
    }

  private:
    int fd_ = -1;
};

}  // namespace nsutil
