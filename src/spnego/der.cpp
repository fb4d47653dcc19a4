#include "spnego/der.hpp"

namespace nsupcall::der {

Bytes element(std::uint8_t tag, std::initializer_list<std::span<const std::byte>> parts) {
    std::size_t length = 0;
    for (const auto& part : parts) length += part.size();

    Bytes out;
    constexpr std::size_t kLongestHead = 2 + sizeof length;
    out.reserve(kLongestHead + length);
    out.push_back(std::byte{tag});
    constexpr std::size_t kShortFormMost = 127;
    if (length <= kShortFormMost) {
        out.push_back(static_cast<std::byte>(length));
    } else {
        // Long form: 0x80 and the number of length bytes, then the length, most significant byte first.
        unsigned bytes = 1;
        while (bytes < sizeof length && (length >> (8 * bytes)) != 0) ++bytes;
        out.push_back(static_cast<std::byte>(0x80U | bytes));
        for (unsigned at = bytes; at-- > 0;) out.push_back(static_cast<std::byte>(length >> (8 * at)));
    }
    for (const auto& part : parts) out.insert(out.end(), part.begin(), part.end());
    return out;
}

}  // namespace nsupcall::der
