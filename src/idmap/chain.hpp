#pragma once
/// @file
/// Which sources are asked for an id, and in which order.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"
#include "rules/rule_set.hpp"

namespace nsupcall {

/// Where an id or a SID can come from.
enum class IdSource : std::uint8_t {
    map,                ///< the host's map file
    unix_ids,           ///< S-1-22 and S-1-5-88; as an answer to an id only after all others
    winbind,            ///< the host's winbind
    sssd,               ///< the host's SSSD
    well_known,         ///< well-known SIDs
    builtin,            ///< aliases of BUILTIN
    container_map,      ///< the requester's own map file
    container_winbind,  ///< the requester's own winbind
};
inline constexpr std::uint8_t kIdSources = 8;

/// "map", "unix", "winbind", "sssd", "well-known", "builtin", "container-map", "container-winbind"
[[nodiscard]] std::string_view id_source_name(IdSource source);

/// The requester's own word, which counts for its own ids only.
[[nodiscard]] constexpr bool is_containers_own(IdSource source) {
    return source == IdSource::container_map || source == IdSource::container_winbind;
}

/// How ids are mapped for one request.
struct IdmapOptions {
    static constexpr const char* kMapFile = "/etc/nsupcall.idmap";

    /// In this order; nothing of a container's own unless somebody adds it.
    std::vector<IdSource> chain = {IdSource::map,  IdSource::unix_ids,   IdSource::winbind,
                                   IdSource::sssd, IdSource::well_known, IdSource::builtin};
    std::string map_file = kMapFile;            ///< of the host; root's, writable for nobody else
    std::string container_map_file = kMapFile;  ///< as the requester sees it
    std::string config = kConfigPath;           ///< rules, which may say otherwise

    /// What rules say in place of the above. Of a broken configuration nothing is left to containers.
    void obey(const Settings& settings);

    /// Reads a chain: names parted by commas.
    /// @errors EINVAL a name that is none, or one twice, or none at all
    [[nodiscard]] static nsutil::Result<std::vector<IdSource>> parse_chain(std::string_view text);
};

}  // namespace nsupcall
