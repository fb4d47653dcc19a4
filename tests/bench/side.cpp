#include "bench/side.hpp"

#include <fmt/format.h>

namespace nsupcall::bench {

nsutil::Result<Side> Side::install(const SideSpec& spec, const RulePattern& pattern) {
    auto rule = test::RequestRule::install({.description = pattern.description,
                                            .program = spec.program,
                                            .arguments = spec.arguments,
                                            .key_type = pattern.type,
                                            .callout = pattern.callout});
    if (!rule) return nsutil::propagate(rule, "rule of " + spec.name);
    return Side(spec, std::move(*rule));
}

RulePattern Side::token_pattern(const std::string& host, unsigned number) {
    return {.description = fmt::format("ver=0x2;host={};{};*", host, address_of(number))};
}

std::string Side::address_of(unsigned number) {
    constexpr unsigned kFirst = 100;
    return fmt::format("ip4=127.0.10.{}", kFirst + number);
}

}  // namespace nsupcall::bench
