#include "names/address_lookup.hpp"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <fcntl.h>
#include <netdb.h>
#include <resolv.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

#include "names/dns_answer.hpp"
#include "nsutil/bounded_read.hpp"

namespace nsupcall {
namespace {

using nsutil::Error;
using nsutil::ErrorDomain;
using nsutil::Result;

constexpr std::size_t kHostsFileLimit = 4 * 1024 * 1024;  ///< bytes

struct FreeAddresses {
    void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

/// The errno that tells the kernel what a resolver's failure means.
int errno_of(int resolver_error) {
    switch (resolver_error) {
        case EAI_NONAME:
        case EAI_NODATA:
        case EAI_ADDRFAMILY:
            return ENODATA;
        case EAI_AGAIN:
            return EAGAIN;
        case EAI_MEMORY:
            return ENOMEM;
        default:
            return ECONNREFUSED;
    }
}

std::optional<std::string> print(const sockaddr* address) {
    char text[INET6_ADDRSTRLEN];
    if (address->sa_family == AF_INET) {
        const auto* in4 = reinterpret_cast<const sockaddr_in*>(address);
        if (::inet_ntop(AF_INET, &in4->sin_addr, text, sizeof text) == nullptr) return std::nullopt;
        return text;
    }
    if (address->sa_family != AF_INET6) return std::nullopt;
    const auto* in6 = reinterpret_cast<const sockaddr_in6*>(address);
    if (::inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof text) == nullptr) return std::nullopt;
    std::string printed = text;
    // The kernel reads a link-local address with the number of its interface behind it.
    if (in6->sin6_scope_id != 0) printed += '%' + std::to_string(in6->sin6_scope_id);
    return printed;
}

/// A second question, straight to the DNS: the C library's look-up does not tell how long an answer lives.
std::optional<std::uint32_t> ask_ttl(const std::string& name, bool ipv6) {
    constexpr int kSeconds = 1, kTries = 1;
    constexpr std::size_t kAnswerMost = 4096;
    struct __res_state state = {};
    if (::res_ninit(&state) != 0) return std::nullopt;
    // It improves an answer that is there already; it must not hold that up.
    state.retrans = kSeconds;
    state.retry = kTries;
    std::array<unsigned char, kAnswerMost> answer = {};
    const int size = ::res_nsearch(&state, name.c_str(), ns_c_in, ipv6 ? ns_t_aaaa : ns_t_a, answer.data(),
                                   static_cast<int>(answer.size()));
    ::res_nclose(&state);
    if (size <= 0) return std::nullopt;
    return shortest_ttl(std::span(answer).first(std::min(answer.size(), static_cast<std::size_t>(size))));
}

std::optional<std::uint32_t> ttl_of(const std::string& name, const std::string& best) {
    const auto hosts = nsutil::read_file_at(AT_FDCWD, "/etc/hosts", kHostsFileLimit);
    if (hosts && hosts_file_names(*hosts, name)) return std::nullopt;
    return ask_ttl(name, best.find(':') != std::string::npos);
}

}  // namespace

bool hosts_file_names(std::string_view text, std::string_view name) {
    const auto next_word = [](std::string_view& line) {
        line.remove_prefix(std::min(line.find_first_not_of(" \t\r"), line.size()));
        const auto word = line.substr(0, line.find_first_of(" \t\r"));
        line.remove_prefix(word.size());
        return word;
    };
    const auto equal = [](std::string_view a, std::string_view b) {
        // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the size goes with it
        return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
    };
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        line = line.substr(0, line.find('#'));
        (void)next_word(line);  // the address
        for (auto word = next_word(line); !word.empty(); word = next_word(line))
            if (equal(word, name)) return true;
    }
    return false;
}

Result<Addresses> look_up(const NameQuery& query) {
    addrinfo hints = {};
    hints.ai_family = query.ipv4 && query.ipv6 ? AF_UNSPEC : query.ipv6 ? AF_INET6 : AF_INET;
    hints.ai_socktype = SOCK_STREAM;  // one entry an address
    addrinfo* raw = nullptr;
    const int error = ::getaddrinfo(query.name.c_str(), nullptr, &hints, &raw);
    if (error != 0)
        return std::unexpected(Error{errno_of(error), ErrorDomain::resolver, error, "look up the host name",
                                     std::source_location::current()});
    const std::unique_ptr<addrinfo, FreeAddresses> list(raw);
    Addresses found;
    for (const auto* one = list.get(); one != nullptr && found.texts.size() < Addresses::kMost;
         one = one->ai_next)
        if (auto text = print(one->ai_addr);
            text && std::ranges::find(found.texts, *text) == found.texts.end())
            found.texts.push_back(std::move(*text));
    if (found.texts.empty()) return nsutil::fail(ENODATA, "the host name has no address");
    if (!query.is_address) found.ttl_seconds = ttl_of(query.name, found.texts.front());
    return found;
}

}  // namespace nsupcall
