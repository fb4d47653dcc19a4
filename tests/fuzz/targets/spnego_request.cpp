#include "request/spnego_request.hpp"

#include <cstdio>
#include <string>

#include "fuzz_target.hpp"

namespace {

std::string hex(std::uint32_t number) {
    char text[16];
    (void)std::snprintf(text, sizeof text, "0x%x", number);
    return text;
}

}  // namespace

NSUPCALL_FUZZ_TARGET(spnego_request) {
    using nsupcall::fuzz::require;
    const auto request = nsupcall::SpnegoRequest::parse(input.text());
    if (!request) return;
    require(!request->host.empty() && request->host.size() <= nsupcall::SpnegoRequest::kHostLimit);
    require(request->host.find_first_of("/@; \n") == std::string::npos);
    require(request->user.find(';') == std::string::npos);
    require(request->tid > 0 && request->creduid != 0xffffffffU);
    // One meaning only: what it means stands in the text, in the kernel's spelling.
    std::string tail = ";uid=" + hex(request->uid) + ";creduid=" + hex(request->creduid);
    const auto text = input.text();
    require(text.find(tail) != std::string_view::npos);
    require(text.find(";pid=" + hex(static_cast<std::uint32_t>(request->tid))) != std::string_view::npos);
    require(text.starts_with("ver=0x2;host=" + request->host + ";ip"));
}
