#pragma once
/// @file
/// Windows security identifiers.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall {

/// A SID: S-1-<authority>-<sub-authority>-..., with 1 to 15 sub-authorities; the last one is the RID.
/// @source MS-DTYP 2.4.2; Linux fs/smb/client/cifsacl.c (sid_to_key_str), cifspdu.h (struct cifs_sid)
class Sid {
  public:
    static constexpr std::size_t kSubMost = 15;
    static constexpr std::size_t kTextLimit = 192;  ///< bytes: "S-1-", 0x and 12 digits, 15 times "-" and 10

    /// @pre `subs` holds 1 to kSubMost numbers, `authority` fits into 48 bits
    Sid(std::uint64_t authority, std::span<const std::uint32_t> subs);
    Sid(std::uint64_t authority, std::initializer_list<std::uint32_t> subs)
        : Sid(authority, std::span(subs.begin(), subs.size())) {}

    /// The text form; an authority of 2^32 and more is hexadecimal, as the kernel prints it.
    /// @errors EINVAL
    [[nodiscard]] static nsutil::Result<Sid> parse(std::string_view text);
    [[nodiscard]] std::string text() const;

    /// `struct cifs_sid` with as many sub-authorities as there are: revision, count, the authority in 6
    /// bytes big-endian, the sub-authorities in 4 bytes little-endian each.
    [[nodiscard]] std::vector<std::byte> bytes() const;
    /// @errors EINVAL
    [[nodiscard]] static nsutil::Result<Sid> from_bytes(std::span<const std::byte> bytes);

    [[nodiscard]] std::uint64_t authority() const noexcept { return authority_; }
    [[nodiscard]] std::span<const std::uint32_t> subs() const noexcept {
        return std::span(subs_).first(count_);
    }
    [[nodiscard]] std::uint32_t rid() const noexcept { return subs_[count_ - 1]; }
    /// The same SID with another RID.
    [[nodiscard]] Sid with_rid(std::uint32_t rid) const;
    /// True where all but the RID is that of `other`.
    [[nodiscard]] bool same_domain(const Sid& other) const;

    friend bool operator==(const Sid&, const Sid&) = default;

  private:
    std::uint64_t authority_ = 0;
    std::size_t count_ = 0;
    std::array<std::uint32_t, kSubMost> subs_{};  ///< zero behind count_
};

}  // namespace nsupcall
