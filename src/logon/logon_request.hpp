#pragma once
/// @file
/// What a `logon` key of the CIFS client asks for.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

/// "cifs:a:<address of the server>" or, where there is no such key, "cifs:d:<domain of the session>".
/// @source Linux fs/smb/client/connect.c (cifs_set_cifscreds)
struct LogonRequest {
    static constexpr std::size_t kDomainLimit = 255;  ///< bytes

    std::string address;  ///< IPv4 or IPv6, normalised; empty where a domain is asked for
    std::string domain;   ///< empty where an address is asked for

    /// @errors EINVAL
    [[nodiscard]] static nsutil::Result<LogonRequest> parse(std::string_view description);
};

}  // namespace nsupcall
