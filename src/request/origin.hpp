#pragma once
/// @file
/// Did the kernel's CIFS client make this request, or did somebody only call request_key(2)?

#include <sys/types.h>

#include <optional>
#include <string_view>

#include "nsutil/result.hpp"
#include "request/key_description.hpp"

namespace nsupcall {

/// Verifies the origin of a `cifs.spnego` key.
///
/// cifs.ko makes its requests with private credentials: the key belongs to 0:0, and the thread keyring
/// of those credentials is named `.cifs_spnego`. User space cannot make a keyring whose name begins with
/// a dot, and the serial comes from request-key's `%T`, not from the asker.
///
/// @param key             the key to be answered
/// @param thread_keyring  what keyctl_describe(2) says of the keyring that `%T` named; nothing where
///                        the rule does not pass it (cifs-utils' own rule): the owner alone is checked then
/// @errors EPERM with what is wrong
/// @source Linux fs/smb/client/cifs_spnego.c (init_cifs_spnego)
[[nodiscard]] nsutil::Result<void> verify_spnego_origin(const KeyDescription& key,
                                                        std::optional<std::string_view> thread_keyring);

/// Verifies that a request names the task that waits for it, as cifs.ko's always do: for a rule without
/// `%T`, where a key of 0:0 may also be one that root of a container has asked for. That root can then name
/// no task but its own, and reach no namespaces but its own.
///
/// @param named   pid= of the description
/// @param asking  tid of the request's line in /proc/keys
/// @errors EPERM
[[nodiscard]] nsutil::Result<void> verify_named_task(pid_t named, pid_t asking);

}  // namespace nsupcall
