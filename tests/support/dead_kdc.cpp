#include "support/dead_kdc.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "support/network.hpp"

namespace nsupcall::test {

using nsutil::Result;
using nsutil::UniqueFd;

Result<DeadKdc> DeadKdc::open() {
    for (int attempt = 0; attempt < 50; ++attempt) {
        const auto port = free_loopback_port();
        if (!port) return std::unexpected(port.error());
        UniqueFd tcp(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        UniqueFd udp(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        if (!tcp || !udp) return nsutil::fail_errno("socket");
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(*port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        const auto* plain = reinterpret_cast<const sockaddr*>(&address);
        if (::bind(tcp.get(), plain, sizeof address) != 0 || ::bind(udp.get(), plain, sizeof address) != 0)
            continue;
        if (::listen(tcp.get(), 64) != 0) return nsutil::fail_errno("listen");
        return DeadKdc(std::move(tcp), std::move(udp), *port);
    }
    return nsutil::fail(EADDRINUSE, "no port for a dead KDC");
}

}  // namespace nsupcall::test
