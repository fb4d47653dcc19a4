#pragma once
/// @file
/// From a host name to its addresses, as the namespaces of the caller have it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "names/name_query.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// What a name came to.
struct Addresses {
    static constexpr std::size_t kMost = 64;  ///< addresses; more are left out

    std::vector<std::string> texts;            ///< IPv4 and IPv6, best first by RFC 6724; no duplicates
    std::optional<std::uint32_t> ttl_seconds;  ///< nothing where the answer did not come from the DNS
};

/// Looks a name up with the C library's resolver: hosts file, resolv.conf and the DNS of the namespaces
/// that the calling process is in. Meant to run behind the boundary, where no other name service can be
/// loaded. Blocks for as long as the resolver does.
/// @errors ENODATA there is no such name, or it has no address; EAGAIN no server answered, later may help;
///         ECONNREFUSED a server refused or failed. `native` is the resolver's own number (EAI_*)
[[nodiscard]] nsutil::Result<Addresses> look_up(const NameQuery& query);

/// True where the text of a hosts file (hosts(5)) names `name`.
[[nodiscard]] bool hosts_file_names(std::string_view text, std::string_view name);

}  // namespace nsupcall
