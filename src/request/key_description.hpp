#pragma once
/// @file
/// What keyctl_describe(2) says of a key.

#include <cstdint>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

/// "type;uid;gid;perm;description". The description may hold ';' itself: it is all that is left.
/// @source keyctl_describe(3); Linux security/keys/keyctl.c (keyctl_describe_key)
struct KeyDescription {
    static constexpr std::size_t kTextLimit = 8192;  ///< bytes; the kernel caps descriptions at a page

    std::string type;
    std::uint32_t uid = 0, gid = 0;  ///< owner, in the reader's user namespace
    std::uint32_t permissions = 0;
    std::string description;

    /// @errors EINVAL fewer than five fields, numbers that are none, too long
    [[nodiscard]] static nsutil::Result<KeyDescription> parse(std::string_view text);
};

}  // namespace nsupcall
