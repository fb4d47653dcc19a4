#pragma once
/// @file
/// What a `dns_resolver` key asks for.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"

namespace nsupcall {

/// A description "[type:]name" and the callout information that came with it.
///
/// The kernel's own users of the type (cifs, ceph, nfs) ask without a type and without options, and read
/// one address; `list` brings all of them. A type ("afsdb:", "srv:", ...) is somebody else's query.
/// @source Linux net/dns_resolver/dns_query.c (dns_query), Documentation/networking/dns_resolver.rst
struct NameQuery {
    static constexpr std::size_t kNameLimit = 255;     ///< bytes of a DNS name
    static constexpr std::size_t kCalloutLimit = 512;  ///< bytes of options that are looked at

    std::string type;         ///< "afsdb", "srv", ...; empty for addresses
    std::string name;         ///< as asked, less a dot at its end
    bool is_address = false;  ///< the name is an IP address itself
    bool ipv4 = true, ipv6 = true;
    bool list = false;  ///< every address, not just the best

    /// @errors EINVAL no name, too long, or with bytes that no host name has
    [[nodiscard]] static nsutil::Result<NameQuery> parse(std::string_view description,
                                                         std::string_view callout = {});
};

}  // namespace nsupcall
