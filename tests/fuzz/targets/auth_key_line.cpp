#include "request/auth_key_line.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(auth_key_line) {
    using nsupcall::fuzz::require;
    constexpr std::int32_t kTarget = 0x1af80d3c;  // as in the seeds
    const auto line = nsupcall::AuthKeyLine::find(input.text(), kTarget);
    if (!line) {
        require(line.error().code == ENOENT || line.error().code == EPERM || line.error().code == EINVAL);
        return;
    }
    require(line->target == kTarget && line->serial > 0 && line->tid > 0);
    require(input.text().find("key:1af80d3c") != std::string_view::npos ||
            input.text().find("key:") != std::string_view::npos);
}
