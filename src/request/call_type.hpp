#pragma once
/// @file
/// The call types of cifs.upcall's command line.

#include <cstdint>
#include <optional>
#include <string_view>

namespace nsupcall {

/// `cifs.upcall <call_type> <key id | argument>`
enum class CallType : std::uint8_t {
    key,        ///< whatever the key's type asks for
    dfs,        ///< a host name: its addresses
    uid_krb5,   ///< a principal: the uid of the local user it maps to
    gid_krb5,   ///< a principal: the primary gid of the local user it maps to
    uid_idmap,  ///< a uid: the owner's SID
    gid_idmap,  ///< a gid: the group's SID
    uid_sids,   ///< a SID: the owner's uid
    gid_sids,   ///< a SID: the group's gid
};
inline constexpr std::uint8_t kCallTypes = 8;

/// "key", "dfs", "uid.krb5", ...
[[nodiscard]] std::string_view call_type_name(CallType type);
[[nodiscard]] std::optional<CallType> parse_call_type(std::string_view name);

}  // namespace nsupcall
