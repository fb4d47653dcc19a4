#pragma once
/// @file
/// What an upcall must not leave behind: keys under construction.

#include <string>
#include <vector>

namespace nsupcall::test {

/// Adds a description to those that keys_under_construction() looks for. KeyRequest does it.
void remember_description(const std::string& description);

/// Lines of /proc/keys that show a key with a remembered description whose construction has not ended.
/// Waits up to `patience_ms` for there to be none.
/// @source  Linux security/keys/proc.c: flag 'U' is KEY_FLAG_USER_CONSTRUCT
[[nodiscard]] std::vector<std::string> keys_under_construction(int patience_ms = 0);

}  // namespace nsupcall::test
