#include "idmap/map_file.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(map_file) {
    using nsupcall::fuzz::require;
    const auto map = nsupcall::MapFile::parse(input.text());
    if (!map) return;
    for (const auto& line : map->lines()) {
        const auto kind =
            line.serves(nsupcall::IdKind::user) ? nsupcall::IdKind::user : nsupcall::IdKind::group;
        const auto last = line.first.with_rid(line.last_rid);
        for (const auto& sid : {line.first, last}) {
            const auto id = map->find({kind, sid});
            require(id.has_value() && std::get<std::uint32_t>(*id) != nsupcall::kNoId);
        }
    }
}
