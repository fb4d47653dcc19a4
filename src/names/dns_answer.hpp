#pragma once
/// @file
/// The life of a DNS answer.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace nsupcall {

/// Finds the shortest time to live among the address and alias records of a DNS message's answer section.
///
/// The message comes from whoever answers for a container: every length is checked, compression pointers
/// are skipped and never followed.
/// @return seconds; nothing where the message is malformed or holds no address
/// @source RFC 1035 section 4.1; TTLs with the top bit set count as 0 (RFC 2181 section 8)
[[nodiscard]] std::optional<std::uint32_t> shortest_ttl(std::span<const unsigned char> message);

}  // namespace nsupcall
