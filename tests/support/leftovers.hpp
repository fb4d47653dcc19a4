#pragma once
/// @file
/// What an upcall must not leave behind: keys.

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace nsupcall::test {

/// Adds a description to those that keys_under_construction() looks for. KeyRequest does it.
void remember_description(const std::string& description);

/// Lines of /proc/keys that show a key with a remembered description whose construction has not ended.
/// Waits up to `patience_ms` for there to be none.
/// @source  Linux security/keys/proc.c: flag 'U' is KEY_FLAG_USER_CONSTRUCT
[[nodiscard]] std::vector<std::string> keys_under_construction(int patience_ms = 0);

/// Of these keys, those that there still are. Waits up to `patience_ms` for there to be none: the kernel
/// collects them a moment after their last use.
[[nodiscard]] std::set<std::uint32_t> remaining_keys(std::set<std::uint32_t> serials, int patience_ms);

}  // namespace nsupcall::test
