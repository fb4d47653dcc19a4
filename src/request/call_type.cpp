#include "request/call_type.hpp"

#include <algorithm>
#include <array>

namespace nsupcall {
namespace {

constexpr std::array<std::string_view, kCallTypes> kNames = {
    "key", "dfs", "uid.krb5", "gid.krb5", "uid.idmap", "gid.idmap", "uid.sids", "gid.sids"};

}  // namespace

std::string_view call_type_name(CallType type) {
    const auto index = static_cast<std::size_t>(type);
    return index < kNames.size() ? kNames[index] : "unknown";
}

std::optional<CallType> parse_call_type(std::string_view name) {
    const auto found = std::ranges::find(kNames, name);
    if (found == kNames.end()) return std::nullopt;
    return static_cast<CallType>(found - kNames.begin());
}

}  // namespace nsupcall
