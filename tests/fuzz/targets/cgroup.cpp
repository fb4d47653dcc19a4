#include "fuzz_target.hpp"
#include "request/container_id.hpp"

NSUPCALL_FUZZ_TARGET(cgroup) {
    using nsupcall::fuzz::require;
    const auto id = nsupcall::container_id_of(input.text());
    require(id.empty() || id.size() == 64);
    require(id.find_first_not_of("0123456789abcdef") == std::string::npos);
}
