#pragma once
/// @file
/// The few DER encodings that a NegTokenInit needs (ITU-T X.690).

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace nsupcall::der {

using Bytes = std::vector<std::byte>;

inline constexpr std::uint8_t kSequence = 0x30;
inline constexpr std::uint8_t kOctetString = 0x04;
inline constexpr std::uint8_t kObjectIdentifier = 0x06;
/// [APPLICATION 0], constructed: the frame of a GSS-API token (RFC 2743, 3.1).
inline constexpr std::uint8_t kApplication0 = 0x60;
/// [n], constructed, context-specific; n up to 30.
[[nodiscard]] constexpr std::uint8_t context(unsigned n) {
    return static_cast<std::uint8_t>(0xa0U | n);
}

/// Tag, definite length (short or long form), contents: the parts one behind the other.
[[nodiscard]] Bytes element(std::uint8_t tag, std::initializer_list<std::span<const std::byte>> parts);

}  // namespace nsupcall::der
