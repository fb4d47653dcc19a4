#include "idmap/chain.hpp"

#include <algorithm>
#include <iterator>

namespace nsupcall {

static_assert(std::size(kIdSourceNames) == kIdSources);

std::string_view id_source_name(IdSource source) {
    const auto index = static_cast<std::size_t>(source);
    return index < std::size(kIdSourceNames) ? kIdSourceNames[index] : "unknown";
}

nsutil::Result<std::vector<IdSource>> IdmapOptions::parse_chain(std::string_view text) {
    std::vector<IdSource> chain;
    for (bool more = true; more;) {
        const auto end = text.find(',');
        more = end != std::string_view::npos;
        const auto name = text.substr(0, end);
        text.remove_prefix(more ? end + 1 : text.size());
        const auto* found = std::ranges::find(kIdSourceNames, name);
        if (found == std::end(kIdSourceNames))
            return nsutil::fail(EINVAL, "no such source of ids: " + std::string(name));
        const auto source = static_cast<IdSource>(found - std::begin(kIdSourceNames));
        if (std::ranges::find(chain, source) != chain.end())
            return nsutil::fail(EINVAL, "a source of ids named twice: " + std::string(name));
        chain.push_back(source);
    }
    return chain;
}

void IdmapOptions::obey(const Settings& settings) {
    if (!settings.idmap_sources.empty()) {
        chain.clear();
        for (const auto& name : settings.idmap_sources) {
            const auto* found = std::ranges::find(kIdSourceNames, name);
            if (found != std::end(kIdSourceNames))
                chain.push_back(static_cast<IdSource>(found - std::begin(kIdSourceNames)));
        }
    }
    if (!settings.idmap_file.empty()) map_file = settings.idmap_file;
    if (!settings.idmap_container_file.empty()) container_map_file = settings.idmap_container_file;
    if (settings.distrusted) std::erase_if(chain, is_containers_own);
}

}  // namespace nsupcall
