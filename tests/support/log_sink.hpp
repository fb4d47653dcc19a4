#pragma once
/// @file
/// A socket that takes what one rule's helper logs, whatever the machine logs with.

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// To be handed to `private_log` (private_log_main.cpp), which shows it to a helper in place of the
/// machine's.
class LogSink {
  public:
    /// Fails the test where the socket cannot be made.
    explicit LogSink(std::filesystem::path path) : path_(std::move(path)) {
        std::filesystem::remove(path_);
        socket_ = nsutil::UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        const auto text = path_.string();
        EXPECT_LT(text.size(), sizeof address.sun_path);
        std::memcpy(address.sun_path, text.data(), std::min(text.size(), sizeof address.sun_path - 1));
        EXPECT_EQ(0, ::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    /// Sends records until no more fit. @return how many
    [[nodiscard]] std::size_t fill() const {
        const nsutil::UniqueFd sender(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        socklen_t size = sizeof address;
        if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
            ::connect(sender.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0)
            return 0;
        std::size_t count = 0;
        while (::send(sender.get(), "x", 1, MSG_DONTWAIT) == 1) ++count;
        return count;
    }

    /// All records that are there within `patience_ms` of the last one.
    [[nodiscard]] std::vector<std::string> records(int patience_ms = 300) const {
        std::vector<std::string> all;
        for (;;) {
            pollfd waiting{socket_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, patience_ms) <= 0) return all;
            char text[65536];
            const ssize_t size = ::recv(socket_.get(), text, sizeof text, 0);
            if (size >= 0) all.emplace_back(text, static_cast<std::size_t>(size));
        }
    }

  private:
    std::filesystem::path path_;
    nsutil::UniqueFd socket_;
};

}  // namespace nsupcall::test
