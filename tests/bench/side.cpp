#include "bench/side.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <system_error>

#include "support/temp_dir.hpp"

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

std::vector<pid_t> Side::processes(pid_t since) const {
    const auto name = rule_.program_link().filename().string();
    std::vector<pid_t> pids;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", failed)) {
        const pid_t pid = std::atoi(entry.path().filename().c_str());
        // With many containers their processes are not even to be opened: the upcall would be over before.
        if (pid > since && test::read_file(entry.path() / "cmdline").value_or("").starts_with(name))
            pids.push_back(pid);
    }
    return pids;
}

std::string Side::address_of(unsigned number) {
    constexpr unsigned kFirst = 100;
    return fmt::format("ip4=127.0.10.{}", kFirst + number);
}

}  // namespace nsupcall::bench
