#include "idmap/sid.hpp"

#include <algorithm>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::parse_number;

constexpr std::uint64_t kAuthorityMost = (1ULL << 48U) - 1;
constexpr std::size_t kHeadBytes = 8, kSubBytes = 4;

/// Takes "-number" off the front of `text`.
template <class Number>
std::optional<Number> next_number(std::string_view& text) {
    if (!text.starts_with('-')) return std::nullopt;
    text.remove_prefix(1);
    auto digits = text.substr(0, text.find('-'));
    text.remove_prefix(digits.size());
    // One text for one SID: no leading zeros but in the hexadecimal form, which the kernel pads.
    if (digits.starts_with("0x") && sizeof(Number) > sizeof(std::uint32_t))
        return parse_number<Number>(digits.substr(2), 16);
    if (digits.size() > 1 && digits.starts_with('0')) return std::nullopt;
    return parse_number<Number>(digits);
}

}  // namespace

Sid::Sid(std::uint64_t authority, std::span<const std::uint32_t> subs)
    : authority_(authority), count_(std::min(subs.size(), kSubMost)) {
    std::copy_n(subs.begin(), count_, subs_.begin());
}

nsutil::Result<Sid> Sid::parse(std::string_view text) {
    const auto bad = [] { return fail(EINVAL, "malformed SID"); };
    if (text.size() > kTextLimit || !text.starts_with("S-1-")) return bad();
    text.remove_prefix(3);
    const auto authority = next_number<std::uint64_t>(text);
    if (!authority || *authority > kAuthorityMost) return bad();
    std::array<std::uint32_t, kSubMost> subs = {};
    std::size_t count = 0;
    while (!text.empty()) {
        const auto sub = next_number<std::uint32_t>(text);
        if (!sub || count == kSubMost) return bad();
        subs[count++] = *sub;
    }
    if (count == 0) return bad();
    return Sid(*authority, std::span(subs).first(count));
}

std::string Sid::text() const {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out = "S-1-";
    if (authority_ <= 0xffffffffU) {
        out += std::to_string(authority_);
    } else {
        out += "0x";
        for (int shift = 44; shift >= 0; shift -= 4) out += kDigits[(authority_ >> shift) & 15U];
    }
    for (const auto sub : subs()) out += '-' + std::to_string(sub);
    return out;
}

std::vector<std::byte> Sid::bytes() const {
    std::vector<std::byte> out = {std::byte{1}, static_cast<std::byte>(count_)};
    for (int shift = 40; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(authority_ >> shift));
    for (const auto sub : subs())
        for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(sub >> shift));
    return out;
}

nsutil::Result<Sid> Sid::from_bytes(std::span<const std::byte> bytes) {
    const auto at = [&](std::size_t index) { return std::to_integer<std::uint32_t>(bytes[index]); };
    if (bytes.size() < kHeadBytes || at(0) != 1 || at(1) == 0 || at(1) > kSubMost ||
        bytes.size() != kHeadBytes + kSubBytes * at(1))
        return fail(EINVAL, "malformed SID");
    std::uint64_t authority = 0;
    for (std::size_t index = 2; index < kHeadBytes; ++index) authority = (authority << 8U) | at(index);
    std::array<std::uint32_t, kSubMost> subs{};
    for (std::size_t sub = 0; sub < at(1); ++sub)
        for (unsigned byte = 0; byte < kSubBytes; ++byte)
            subs[sub] |= at(kHeadBytes + kSubBytes * sub + byte) << (8 * byte);
    return Sid(authority, std::span(subs).first(at(1)));
}

Sid Sid::with_rid(std::uint32_t rid) const {
    Sid other = *this;
    other.subs_[count_ - 1] = rid;
    return other;
}

bool Sid::same_domain(const Sid& other) const {
    return with_rid(0) == other.with_rid(0);
}

}  // namespace nsupcall
