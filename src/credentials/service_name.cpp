#include "credentials/service_name.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>

namespace nsupcall {

std::string lower_case(std::string_view host) {
    std::string lower(host);
    std::ranges::transform(lower, lower.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return lower;
}

nsutil::Result<Principal> service_principal(krb5_context context, const std::string& host) {
    // KRB5_NT_SRV_HST would make libkrb5 canonicalise the name through DNS, forwards and backwards.
    krb5_principal principal = nullptr;
    if (const auto error =
            krb5_sname_to_principal(context, host.c_str(), "cifs", KRB5_NT_UNKNOWN, &principal))
        return fail_krb5(context, error, "service principal of " + host);
    krb5_princ_type(context, principal) = KRB5_NT_SRV_HST;
    return adopt<Principal>(context, principal);
}

nsutil::Result<std::string> reverse_name(const std::string& address) {
    const auto failed = [&](int error) {
        return std::unexpected(nsutil::Error{EHOSTUNREACH, nsutil::ErrorDomain::resolver, error,
                                             "name of address " + address + ": " + ::gai_strerror(error),
                                             std::source_location::current()});
    };
    addrinfo hints = {};
    hints.ai_flags = AI_NUMERICHOST;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int error = ::getaddrinfo(address.c_str(), nullptr, &hints, &list)) return failed(error);
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    std::array<char, NI_MAXHOST> name;
    if (const int error =
            ::getnameinfo(list->ai_addr, list->ai_addrlen, name.data(), name.size(), nullptr, 0, NI_NAMEREQD))
        return failed(error);
    return lower_case(name.data());
}

}  // namespace nsupcall
