#pragma once
/// @file
/// What users hold of the kernel's quota of keys.

#include <cstdint>
#include <string_view>
#include <vector>

namespace nsupcall::admin {

/// One user's share.
struct KeyQuota {
    std::uint32_t uid = 0;
    std::uint64_t keys = 0, keys_most = 0, bytes = 0, bytes_most = 0;
};

/// Takes /proc/key-users apart; lines that are none of it are passed over.
/// @source Linux security/keys/proc.c, proc_key_users_show(): "uid: usage keys/instantiated keys/most
/// bytes/most"
[[nodiscard]] std::vector<KeyQuota> parse_key_users(std::string_view text);

}  // namespace nsupcall::admin
