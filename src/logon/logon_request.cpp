#include "logon/logon_request.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace nsupcall {
namespace {

using nsutil::fail;

std::string normalise(int family, const std::string& text) {
    in6_addr binary = {};
    char printed[INET6_ADDRSTRLEN];
    if (::inet_pton(family, text.c_str(), &binary) != 1) return {};
    return ::inet_ntop(family, &binary, printed, sizeof printed) == nullptr ? std::string() : printed;
}

}  // namespace

nsutil::Result<LogonRequest> LogonRequest::parse(std::string_view description) {
    constexpr std::string_view kAddress = "cifs:a:", kDomain = "cifs:d:";
    LogonRequest request;
    const std::string rest(description.substr(std::min(kAddress.size(), description.size())));
    if (rest.empty() || rest.size() > kDomainLimit)
        return fail(EINVAL, "malformed request: empty or too long");
    if (description.starts_with(kAddress)) {
        if (rest.find('\0') == std::string::npos) request.address = normalise(AF_INET, rest);
        if (request.address.empty()) request.address = normalise(AF_INET6, rest);
        if (request.address.empty()) return fail(EINVAL, "malformed request: no address behind cifs:a:");
        return request;
    }
    const auto plain = [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte > ' ' && byte != 0x7f && c != '/' && c != '\\';
    };
    if (!description.starts_with(kDomain) || !std::ranges::all_of(rest, plain))
        return fail(EINVAL, "malformed request: neither cifs:a:<address> nor cifs:d:<domain>");
    request.domain = rest;
    return request;
}

}  // namespace nsupcall
