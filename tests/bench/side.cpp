#include "bench/side.hpp"

#include <fmt/format.h>

namespace nsupcall::bench {

nsutil::Result<Side> Side::install(const SideSpec& spec, const std::string& host, unsigned number) {
    auto address = fmt::format("ip4=127.0.10.{}", 100 + number);
    auto rule = test::RequestRule::install({.description = fmt::format("ver=0x2;host={};{};*", host, address),
                                            .program = spec.program,
                                            .arguments = spec.arguments});
    if (!rule) return nsutil::propagate(rule, "rule of " + spec.name);
    return Side(spec, std::move(address), std::move(*rule));
}

}  // namespace nsupcall::bench
