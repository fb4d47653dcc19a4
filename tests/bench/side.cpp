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

std::set<pid_t> all_processes() {
    std::set<pid_t> pids;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", failed))
        if (const pid_t pid = std::atoi(entry.path().filename().c_str()); pid > 0) pids.insert(pid);
    return pids;
}

std::vector<pid_t> Side::processes(const std::set<pid_t>& before) const {
    const auto name = rule_.program_link().filename().string();
    std::vector<pid_t> pids;
    // With many containers their processes are not even to be opened: the upcall would be over before.
    for (const pid_t pid : all_processes())
        if (!before.contains(pid) &&
            test::read_file(fmt::format("/proc/{}/cmdline", pid)).value_or("").starts_with(name))
            pids.push_back(pid);
    return pids;
}

std::string Side::address_of(unsigned number) {
    constexpr unsigned kFirst = 100;
    return fmt::format("ip4=127.0.10.{}", kFirst + number);
}

}  // namespace nsupcall::bench
