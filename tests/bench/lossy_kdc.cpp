#include "bench/lossy_kdc.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <unordered_set>

#include "support/network.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;

constexpr std::size_t kMessageMost = 65536;
constexpr std::size_t kOpenMost = 256;  // TCP connections whose answer is lost
constexpr int kPatienceMs = 1000;

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

const sockaddr* plain(const sockaddr_in& address) {
    return reinterpret_cast<const sockaddr*>(&address);
}

/// One exchange with the real KDC, which is quick: nobody else need be served meanwhile.
std::optional<std::string> answer_of(std::uint16_t kdc_port, const std::string& message) {
    const UniqueFd upstream(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = loopback(kdc_port);
    if (!upstream || ::connect(upstream.get(), plain(address), sizeof address) != 0 ||
        ::send(upstream.get(), message.data(), message.size(), 0) < 0)
        return std::nullopt;
    pollfd waiting = {upstream.get(), POLLIN, 0};
    std::string answer(kMessageMost, '\0');
    const ssize_t size =
        ::poll(&waiting, 1, kPatienceMs) > 0 ? ::recv(upstream.get(), answer.data(), answer.size(), 0) : -1;
    if (size <= 0) return std::nullopt;
    answer.resize(static_cast<std::size_t>(size));
    return answer;
}

class Proxy {
  public:
    Proxy(UniqueFd udp, UniqueFd tcp, std::uint16_t kdc_port)
        : udp_(std::move(udp)), tcp_(std::move(tcp)), kdc_port_(kdc_port) {}

    [[noreturn]] void serve() {
        for (;;) {
            pollfd waiting[2] = {{udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
            if (::poll(waiting, 2, -1) < 0 && errno != EINTR) ::_exit(1);
            if (waiting[0].revents != 0) serve_datagram();
            if (waiting[1].revents != 0) serve_connection();
        }
    }

  private:
    /// Asks on behalf of a client. @return nothing where the answer is lost
    std::optional<std::string> exchange(const std::string& message) {
        auto answer = answer_of(kdc_port_, message);
        if (answer && heard_.insert(message).second) return std::nullopt;
        heard_.erase(message);
        return answer;
    }

    void serve_datagram() {
        std::string message(kMessageMost, '\0');
        sockaddr_in client = {};
        socklen_t size = sizeof client;
        const ssize_t got = ::recvfrom(udp_.get(), message.data(), message.size(), MSG_DONTWAIT,
                                       reinterpret_cast<sockaddr*>(&client), &size);
        if (got <= 0) return;
        message.resize(static_cast<std::size_t>(got));
        if (const auto answer = exchange(message))
            (void)::sendto(udp_.get(), answer->data(), answer->size(), 0, plain(client), size);
    }

    /// One message with its length in front (RFC 4120, 7.2.2).
    void serve_connection() {
        UniqueFd client(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!client) return;
        const timeval patience = {kPatienceMs / 1000, 0};
        (void)::setsockopt(client.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        std::uint32_t length = 0;
        if (::recv(client.get(), &length, sizeof length, MSG_WAITALL) != sizeof length) return;
        length = ntohl(length);
        if (length > kMessageMost) return;
        std::string message(length, '\0');
        if (::recv(client.get(), message.data(), length, MSG_WAITALL) != static_cast<ssize_t>(length)) return;
        if (auto answer = exchange(message)) {
            const std::uint32_t size = htonl(static_cast<std::uint32_t>(answer->size()));
            answer->insert(0, reinterpret_cast<const char*>(&size), sizeof size);
            (void)::send(client.get(), answer->data(), answer->size(), MSG_NOSIGNAL);
        } else {
            mute_.push_back(std::move(client));
            if (mute_.size() > kOpenMost) mute_.pop_front();
        }
    }

    UniqueFd udp_, tcp_;
    std::uint16_t kdc_port_;
    std::unordered_set<std::string> heard_;  ///< messages whose last answer was lost
    std::deque<UniqueFd> mute_;
};

}  // namespace

Result<LossyKdc> LossyKdc::start(std::uint16_t kdc_port) {
    constexpr int kTries = 50, kQueue = 256;
    for (int attempt = 0; attempt < kTries; ++attempt) {
        auto port = test::free_loopback_port();
        if (!port) return nsutil::propagate(port);
        UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!udp || !tcp) return nsutil::fail_errno("socket");
        const auto address = loopback(*port);
        if (::bind(udp.get(), plain(address), sizeof address) != 0 ||
            ::bind(tcp.get(), plain(address), sizeof address) != 0)
            continue;
        if (::listen(tcp.get(), kQueue) != 0) return nsutil::fail_errno("listen");
        const pid_t child = ::fork();
        if (child < 0) return nsutil::fail_errno("fork");
        if (child == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            Proxy(std::move(udp), std::move(tcp), kdc_port).serve();
        }
        return LossyKdc(*port, child);
    }
    return nsutil::fail(EADDRINUSE, "no port for a lossy KDC");
}

LossyKdc::~LossyKdc() {
    if (child_ <= 0) return;
    (void)::kill(child_, SIGKILL);
    (void)::waitpid(child_, nullptr, 0);
}

}  // namespace nsupcall::bench
