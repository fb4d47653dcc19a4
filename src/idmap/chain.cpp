#include "idmap/chain.hpp"

#include <algorithm>
#include <array>

namespace nsupcall {
namespace {

constexpr std::array<std::string_view, kIdSources> kNames = {
    "map", "unix", "winbind", "sssd", "well-known", "builtin", "container-map", "container-winbind"};

}  // namespace

std::string_view id_source_name(IdSource source) {
    const auto index = static_cast<std::size_t>(source);
    return index < kNames.size() ? kNames[index] : "unknown";
}

nsutil::Result<std::vector<IdSource>> IdmapOptions::parse_chain(std::string_view text) {
    std::vector<IdSource> chain;
    for (bool more = true; more;) {
        const auto end = text.find(',');
        more = end != std::string_view::npos;
        const auto name = text.substr(0, end);
        text.remove_prefix(more ? end + 1 : text.size());
        const auto found = std::ranges::find(kNames, name);
        if (found == kNames.end()) return nsutil::fail(EINVAL, "no such source of ids: " + std::string(name));
        const auto source = static_cast<IdSource>(found - kNames.begin());
        if (std::ranges::find(chain, source) != chain.end())
            return nsutil::fail(EINVAL, "a source of ids named twice: " + std::string(name));
        chain.push_back(source);
    }
    return chain;
}

}  // namespace nsupcall
