#include "admin/listen_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <span>
#include <string_view>

#include "nsutil/proc_text.hpp"

namespace nsupcall::admin {

nsutil::Result<ListenAddress> ListenAddress::parse(const std::string& text) {
    const auto wrong = [&] { return nsutil::fail(EINVAL, "no numeric ADDRESS:PORT: " + text); };
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) return wrong();
    const auto port = nsutil::parse_number<std::uint32_t>(std::string_view(text).substr(colon + 1));
    auto host = text.substr(0, colon);
    constexpr std::uint32_t kPortMost = 65535;
    if (!port || *port > kPortMost) return wrong();
    ListenAddress address{text, {}};
    const auto take = [&](const auto& sockaddr) {
        const auto bytes = std::as_bytes(std::span(&sockaddr, 1));
        address.bytes.assign(bytes.begin(), bytes.end());
        return address;
    };
    if (host.starts_with('[') && host.ends_with(']')) {
        sockaddr_in6 six = {};
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(static_cast<std::uint16_t>(*port));
        host = host.substr(1, host.size() - 2);
        if (::inet_pton(AF_INET6, host.c_str(), &six.sin6_addr) != 1) return wrong();
        return take(six);
    }
    sockaddr_in four = {};
    four.sin_family = AF_INET;
    four.sin_port = htons(static_cast<std::uint16_t>(*port));
    if (::inet_pton(AF_INET, host.c_str(), &four.sin_addr) != 1) return wrong();
    return take(four);
}

nsutil::Result<nsutil::UniqueFd> ListenAddress::listen() const {
    const auto* address = reinterpret_cast<const sockaddr*>(bytes.data());
    nsutil::UniqueFd fd(::socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return nsutil::fail_errno("socket for " + text);
    const int on = 1;
    (void)::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->sa_family == AF_INET6)
        (void)::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (::bind(fd.get(), address, static_cast<socklen_t>(bytes.size())) != 0 ||
        ::listen(fd.get(), kWaitingMost) != 0)
        return nsutil::fail_errno("listen on " + text);
    return fd;
}

}  // namespace nsupcall::admin
