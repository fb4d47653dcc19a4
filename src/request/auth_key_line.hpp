#pragma once
/// @file
/// Who asks for a key whose description names nobody: what /proc/keys says of the request.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

/// The line of /proc/keys that shows the authorisation key of a request:
/// `<serial, 8 hex digits> <flags> <usage> <timeout> <perm> <uid> <gid> .request_ key:<target, hex> pid:<tid>
/// ci:<bytes>`. The kernel cuts type names at 9 characters and prints numbers of serials without leading
/// zeros after "key:".
/// @source Linux security/keys/proc.c (proc_keys_show), request_key_auth.c (request_key_auth_describe)
struct AuthKeyLine {
    static constexpr std::size_t kTextLimit = 4 * 1024 * 1024;  ///< bytes of /proc/keys that are read at most

    std::int32_t serial = 0;       ///< of the authorisation key
    std::int32_t target = 0;       ///< of the key to be answered
    pid_t tid = 0;                 ///< thread that asks, in the reader's pid namespace
    std::uint32_t uid = 0;         ///< owner of the request, in the reader's user namespace
    std::size_t callout_size = 0;  ///< bytes of callout information

    /// Finds the one line for `target` in the text of /proc/keys.
    ///
    /// Descriptions are printed raw, and any user may make a key whose description holds a line end and a
    /// made-up line behind it. Nobody can take the real line away, so a second one that fits means that one
    /// of the two is false: that is refused.
    /// @errors ENOENT no such line; EPERM more than one; EINVAL text past the limit
    [[nodiscard]] static nsutil::Result<AuthKeyLine> find(std::string_view proc_keys, std::int32_t target);
};

}  // namespace nsupcall
