#include "names/name_query.hpp"

#include <arpa/inet.h>

#include <algorithm>

namespace nsupcall {
namespace {

using nsutil::fail;

bool is_host_byte(char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != 0x7f && c != '/' && c != '\\' && c != '@' && c != ',' && c != '#' &&
           c != ':';
}

bool is_type(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    });
}

bool is_ip(const std::string& text) {
    in6_addr binary = {};
    return ::inet_pton(AF_INET, text.c_str(), &binary) == 1 ||
           ::inet_pton(AF_INET6, text.c_str(), &binary) == 1;
}

void read_options(std::string_view callout, NameQuery& query) {
    bool only4 = false, only6 = false;
    while (!callout.empty()) {
        const auto word = callout.substr(0, callout.find(' '));
        callout.remove_prefix(std::min(word.size() + 1, callout.size()));
        only4 |= word == "ipv4";
        only6 |= word == "ipv6";
        query.list |= word == "list";
    }
    // Both together say no more than neither.
    query.ipv4 = only4 || !only6;
    query.ipv6 = only6 || !only4;
}

}  // namespace

nsutil::Result<NameQuery> NameQuery::parse(std::string_view description, std::string_view callout) {
    NameQuery query;
    read_options(callout.substr(0, kCalloutLimit), query);
    if (description.size() <= kNameLimit && is_ip(std::string(description))) {
        query.name = description;
        query.is_address = true;
        return query;
    }
    if (const auto colon = description.find(':'); colon != std::string_view::npos) {
        query.type = description.substr(0, colon);
        if (!is_type(query.type)) return fail(EINVAL, "malformed name: what stands before ':' is no type");
        description.remove_prefix(colon + 1);
    }
    if (description.ends_with('.')) description.remove_suffix(1);
    if (description.empty() || description.size() > kNameLimit)
        return fail(EINVAL, "malformed name: empty or longer than " + std::to_string(kNameLimit) + " bytes");
    if (!std::ranges::all_of(description, is_host_byte))
        return fail(EINVAL, "malformed name: a byte that no host name has");
    query.name = description;
    return query;
}

}  // namespace nsupcall
