#include "credentials/kdc_probe.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <profile.h>
#include <resolv.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "nsutil/deadline.hpp"
#include "nsutil/proc_text.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

constexpr const char* kKerberosPort = "88";

/// "host", "host:port", "[address]:port" or an address.
struct KdcName {
    std::string host, port = kKerberosPort;
};

KdcName split_name(std::string name) {
    for (const char* scheme : {"tcp/", "udp/", "kerberos/"})
        if (name.starts_with(scheme)) name.erase(0, std::strlen(scheme));
    if (name.starts_with('[')) {
        const auto end = name.find(']');
        if (end == std::string::npos) return {name, kKerberosPort};
        const bool has_port = name.size() > end + 2 && name[end + 1] == ':';
        return {name.substr(1, end - 1), has_port ? name.substr(end + 2) : kKerberosPort};
    }
    const auto colon = name.find(':');
    // Several colons: an IPv6 address without a port.
    if (colon == std::string::npos || colon != name.rfind(':') || colon + 1 == name.size())
        return {name, kKerberosPort};
    return {name.substr(0, colon), name.substr(colon + 1)};
}

/// krb5.conf's relations of the realm, and whether the DNS may be asked.
std::vector<std::string> configured(krb5_context context, const std::string& realm, bool& ask_dns) {
    std::vector<std::string> names;
    profile_t raw = nullptr;
    ask_dns = true;
    if (krb5_get_profile(context, &raw) != 0) return names;
    const std::unique_ptr<std::remove_pointer_t<profile_t>, void (*)(profile_t)> profile(raw,
                                                                                         profile_release);
    const char* path[] = {"realms", realm.c_str(), "kdc", nullptr};
    char** values = nullptr;
    if (profile_get_values(raw, path, &values) == 0) {
        for (char** value = values; *value != nullptr && names.size() < kKdcsMost; ++value)
            names.emplace_back(*value);
        profile_free_list(values);
    }
    int allowed = 1;
    if (profile_get_boolean(raw, "libdefaults", "dns_lookup_kdc", nullptr, 1, &allowed) == 0)
        ask_dns = allowed != 0;
    return names;
}

/// Names of the SRV records of the realm.
std::vector<std::string> from_dns(const std::string& realm) {
    constexpr std::size_t kAnswerMost = 4096;
    static std::array<unsigned char, kAnswerMost> answer;
    std::vector<std::string> names;
    _res.retrans = 1;
    _res.retry = 1;
    const int size = ::res_query(("_kerberos._udp." + realm).c_str(), ns_c_in, ns_t_srv, answer.data(),
                                 static_cast<int>(answer.size()));
    ns_msg message;
    if (size <= 0 ||
        ::ns_initparse(answer.data(), std::min(size, static_cast<int>(answer.size())), &message) != 0)
        return names;
    for (int at = 0; at < ns_msg_count(message, ns_s_an) && names.size() < kKdcsMost; ++at) {
        constexpr std::size_t kHead = 6;  // priority, weight, port
        ns_rr record;
        std::array<char, NS_MAXDNAME> name = {};
        if (::ns_parserr(&message, ns_s_an, at, &record) != 0 || ns_rr_type(record) != ns_t_srv ||
            ns_rr_rdlen(record) <= kHead)
            continue;
        const unsigned char* data = ns_rr_rdata(record);
        if (::dn_expand(ns_msg_base(message), ns_msg_end(message), data + kHead, name.data(),
                        static_cast<int>(name.size())) < 0)
            continue;
        const unsigned port = (unsigned{data[4]} << 8U) | data[5];
        names.push_back(std::string(name.data()) + ":" + std::to_string(port));
    }
    return names;
}

/// One connection on its way.
struct Attempt {
    std::size_t kdc;
    nsutil::UniqueFd fd;
    sockaddr_storage address = {};
    socklen_t length = 0;
};

std::string print(const sockaddr* address, socklen_t length) {
    std::array<char, NI_MAXHOST> host = {};
    std::array<char, NI_MAXSERV> port = {};
    if (::getnameinfo(address, length, host.data(), host.size(), port.data(), port.size(),
                      NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return {};
    return std::string(host.data()) + " port " + port.data();
}

void settle(ProbedKdc& kdc, int error) {
    kdc.detail.clear();
    switch (error) {
        case 0:
            kdc.state = KdcState::answers;
            return;
        case ECONNREFUSED:
            kdc.state = KdcState::refuses;
            break;
        default:
            kdc.state = KdcState::silent;
    }
    kdc.detail = std::strerror(error);
}

/// Begins to connect to the first address of the name.
void begin(ProbedKdc& kdc, std::size_t index, std::vector<Attempt>& under_way) {
    if (kdc.name.find("://") != std::string::npos) {
        kdc.state = KdcState::unclear;
        kdc.detail = "a proxy is in between";
        return;
    }
    const auto name = split_name(kdc.name);
    addrinfo hints = {};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* raw = nullptr;
    if (const int error = ::getaddrinfo(name.host.c_str(), name.port.c_str(), &hints, &raw)) {
        kdc.detail = ::gai_strerror(error);
        return;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(raw, ::freeaddrinfo);
    kdc.address = print(raw->ai_addr, raw->ai_addrlen);
    kdc.state = KdcState::silent;
    Attempt attempt{index,
                    nsutil::UniqueFd(::socket(raw->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)),
                    {},
                    raw->ai_addrlen};
    std::memcpy(&attempt.address, raw->ai_addr, raw->ai_addrlen);
    if (!attempt.fd) return settle(kdc, errno);
    if (::connect(attempt.fd.get(), raw->ai_addr, raw->ai_addrlen) == 0) return settle(kdc, 0);
    if (errno == EINPROGRESS) {
        kdc.detail = "no answer within " + std::to_string(kKdcPatienceMs) + " ms";
    } else {
        settle(kdc, errno);
        attempt.fd.reset();
    }
    under_way.push_back(std::move(attempt));
}

/// Waits for all of them.
void await(std::vector<ProbedKdc>& kdcs, std::vector<Attempt>& under_way) {
    const auto deadline = nsutil::Deadline::after(std::chrono::milliseconds(kKdcPatienceMs));
    std::vector<pollfd> waiting;
    waiting.reserve(under_way.size());
    for (const auto& attempt : under_way) waiting.push_back({attempt.fd.get(), POLLOUT, 0});
    auto open = std::ranges::count_if(waiting, [](const pollfd& one) { return one.fd >= 0; });
    while (open > 0 && deadline.remaining_ms() > 0 &&
           ::poll(waiting.data(), waiting.size(), static_cast<int>(deadline.remaining_ms())) > 0)
        for (std::size_t at = 0; at < waiting.size(); ++at) {
            if (waiting[at].fd < 0 || waiting[at].revents == 0) continue;
            int error = 0;
            socklen_t size = sizeof error;
            if (::getsockopt(waiting[at].fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
            settle(kdcs[under_way[at].kdc], error);
            waiting[at].fd = -1;
            --open;
        }
}

/// Nothing listens on TCP: an empty datagram brings back an ICMP error where UDP is closed too.
void try_datagram(ProbedKdc& kdc, const Attempt& attempt) {
    constexpr int kPatienceMs = 200;
    const nsutil::UniqueFd fd(::socket(attempt.address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&attempt.address), attempt.length) != 0)
        return;
    char none = 0;
    if (::sendto(fd.get(), &none, 0, 0, nullptr, 0) != 0) return;
    pollfd waiting{fd.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kPatienceMs) > 0) return;
    kdc.state = KdcState::unclear;
    kdc.detail = "nothing listens on TCP; it may answer on UDP";
}

}  // namespace

std::vector<ProbedKdc> probe_kdcs(krb5_context context, const std::string& realm) {
    bool ask_dns = true;
    auto names = configured(context, realm, ask_dns);
    const bool by_dns = names.empty() && ask_dns;
    if (by_dns) names = from_dns(realm);
    if (names.empty())
        return {{realm,
                 {},
                 {},
                 KdcState::unresolved,
                 by_dns ? "krb5.conf names no KDC of the realm, and the DNS has no SRV record"
                        : "krb5.conf names no KDC of the realm, and forbids to ask the DNS"}};
    std::vector<ProbedKdc> kdcs;
    std::vector<Attempt> under_way;
    kdcs.reserve(names.size());
    for (auto& name : names) kdcs.push_back({realm, std::move(name), {}, KdcState::unresolved, {}});
    for (std::size_t at = 0; at < kdcs.size(); ++at) begin(kdcs[at], at, under_way);
    await(kdcs, under_way);
    for (const auto& attempt : under_way)
        if (kdcs[attempt.kdc].state == KdcState::refuses) try_datagram(kdcs[attempt.kdc], attempt);
    return kdcs;
}

nsutil::Result<void> any_reachable(const std::vector<ProbedKdc>& kdcs, const std::string& realm) {
    for (const auto& kdc : kdcs)
        if (kdc.state == KdcState::answers || kdc.state == KdcState::unclear) return {};
    std::string why = "no KDC of realm " + realm + " can be reached";
    if (!kdcs.empty()) why += ": " + (kdcs[0].name.empty() ? "" : kdcs[0].name + ": ") + kdcs[0].detail;
    return nsutil::fail(EHOSTUNREACH, why);
}

}  // namespace nsupcall
