#include "support/network.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bit>
#include <cstring>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;

/// A socket that lives in another network namespace; the caller's own is entered again before it returns.
Result<UniqueFd> socket_in(int netns_fd, int type) {
    if (netns_fd < 0) {
        UniqueFd here(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
        if (!here) return nsutil::fail_errno("socket");
        return here;
    }
    UniqueFd own(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    if (!own) return nsutil::fail_errno("open the own network namespace");
    if (::setns(netns_fd, CLONE_NEWNET) != 0) return nsutil::fail_errno("enter a network namespace");
    UniqueFd there(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    const int saved = errno;
    if (::setns(own.get(), CLONE_NEWNET) != 0)
        return nsutil::fail_errno("return to the own network namespace");
    if (!there) return nsutil::fail(saved, "socket in a network namespace");
    return there;
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

Result<std::uint16_t> bind_loopback(const UniqueFd& socket, std::uint16_t port) {
    sockaddr_in address = loopback(port);
    socklen_t size = sizeof address;
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), plain, size) != 0) return nsutil::fail_errno("bind");
    if (::getsockname(socket.get(), plain, &size) != 0) return nsutil::fail_errno("getsockname");
    return ntohs(address.sin_port);
}

}  // namespace

Result<std::uint16_t> free_loopback_port(int netns_fd) {
    for (int attempt = 0; attempt < 50; ++attempt) {
        auto tcp = socket_in(netns_fd, SOCK_STREAM);
        if (!tcp) return std::unexpected(tcp.error());
        auto udp = socket_in(netns_fd, SOCK_DGRAM);
        if (!udp) return std::unexpected(udp.error());
        const auto port = bind_loopback(*tcp, 0);
        if (!port) return std::unexpected(port.error());
        if (bind_loopback(*udp, *port)) return *port;
    }
    return nsutil::fail(EADDRINUSE, "no port is free for both TCP and UDP");
}

Result<void> bring_loopback_up() {
    UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket) return nsutil::fail_errno("socket");
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) return nsutil::fail_errno("bring lo up");
    return {};
}

bool is_listening(std::uint16_t port, int netns_fd) {
    auto tcp = socket_in(netns_fd, SOCK_STREAM);
    if (!tcp) return false;
    const sockaddr_in address = loopback(port);
    return ::connect(tcp->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace nsupcall::test
