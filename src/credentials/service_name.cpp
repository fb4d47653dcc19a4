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

nsutil::Result<Principal> service_principal(krb5_context context, const std::string& name) {
    krb5_principal principal = nullptr;
    const auto slash = name.find('/');
    if (name.find('@') != std::string::npos) {
        if (const auto error = krb5_parse_name(context, name.c_str(), &principal))
            return fail_krb5(context, error, "service principal " + name);
        return adopt<Principal>(context, principal);
    }
    const std::string service = slash == std::string::npos ? "cifs" : name.substr(0, slash);
    const std::string host = slash == std::string::npos ? name : name.substr(slash + 1);
    // KRB5_NT_SRV_HST would make libkrb5 canonicalise the name through DNS, forwards and backwards.
    if (const auto error =
            krb5_sname_to_principal(context, host.c_str(), service.c_str(), KRB5_NT_UNKNOWN, &principal))
        return fail_krb5(context, error, "service principal of " + host);
    krb5_princ_type(context, principal) = KRB5_NT_SRV_HST;
    return adopt<Principal>(context, principal);
}

bool is_unqualified(std::string_view host) {
    return !host.empty() && host.find_first_of(".:") == std::string_view::npos;
}

std::optional<std::string> canonical_name(const std::string& host) {
    addrinfo hints = {};
    hints.ai_flags = AI_CANONNAME;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), nullptr, &hints, &list) != 0 || list == nullptr) return std::nullopt;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(list, ::freeaddrinfo);
    if (list->ai_canonname == nullptr) return std::nullopt;
    auto name = lower_case(list->ai_canonname);
    if (name.ends_with('.')) name.pop_back();
    if (!name.starts_with(lower_case(host) + ".")) return std::nullopt;
    return name;
}

std::string in_domain_of(std::string_view host, std::string_view realm) {
    return std::string(host) + "." + lower_case(realm);
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
    std::array<char, NI_MAXHOST> name = {};
    if (const int error =
            ::getnameinfo(list->ai_addr, list->ai_addrlen, name.data(), name.size(), nullptr, 0, NI_NAMEREQD))
        return failed(error);
    return lower_case(name.data());
}

}  // namespace nsupcall
