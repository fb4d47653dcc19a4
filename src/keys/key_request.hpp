#pragma once
/// @file
/// Asking the kernel for keys, as any user may. For examinations; helpers only ever answer.

namespace nsupcall {

/// Asks for a key whose like nobody has: the kernel runs request-key, and this waits for it. A key goes into
/// the session keyring: call drop_key_access() first, in a process that ends soon.
/// @return 0 or an errno: the one that the helper gave; ENODEV there is no such type
[[nodiscard]] int ask_for_key(const char* type, const char* description);

/// Adds a key with a payload of one byte to the session keyring, without any helper.
/// @return 0 or an errno: EPERM the type refuses users' descriptions; ENODEV there is no such type
[[nodiscard]] int offer_key(const char* type, const char* description);

}  // namespace nsupcall
