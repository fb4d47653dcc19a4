#include "nsutil/id_map.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(id_map) {
    using nsupcall::fuzz::require;
    const auto map = nsutil::IdMap::parse(input.text());
    if (!map) return;
    require(map->ranges().size() <= nsutil::IdMap::kRangesMost);
    require(!map->to_inside(0xffffffffU) && !map->to_host(0xffffffffU));
    for (const auto& range : map->ranges())
        for (const std::uint32_t offset : {0U, range.count - 1}) {
            require(map->to_inside(range.host_first + offset) == range.inside_first + offset);
            require(map->to_host(range.inside_first + offset) == range.host_first + offset);
        }
}
