#include "names/dns_payload.hpp"

#include <arpa/inet.h>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

bool is_address(const std::string& text) {
    in6_addr binary = {};
    if (::inet_pton(AF_INET, text.c_str(), &binary) == 1) return true;
    const auto percent = text.find('%');
    if (::inet_pton(AF_INET6, text.substr(0, percent).c_str(), &binary) != 1) return false;
    return percent == std::string::npos ||
           nsutil::parse_number<std::uint32_t>(std::string_view(text).substr(percent + 1)).has_value();
}

nsutil::SecretBytes with_nul(const std::string& text) {
    const auto bytes = std::as_bytes(std::span(text.c_str(), text.size() + 1));
    return {bytes.begin(), bytes.end()};
}

}  // namespace

nsutil::Result<nsutil::SecretBytes> make_dns_payload(std::span<const std::string> texts) {
    std::string list;
    for (const auto& text : texts) {
        if (!is_address(text)) return nsutil::fail(EPROTO, "the worker's reply holds what is no address");
        if (!list.empty()) list += ',';
        list += text;
    }
    if (list.empty()) return nsutil::fail(EPROTO, "the worker's reply holds no address");
    return with_nul(list);
}

nsutil::SecretBytes make_dns_error_payload(int code) {
    return with_nul("#dnserror=" + std::to_string(code));
}

}  // namespace nsupcall
