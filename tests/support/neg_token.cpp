#include "support/neg_token.hpp"

#include <fmt/format.h>

#include <optional>

namespace nsupcall::test {
namespace {

using nsutil::Result;

constexpr std::string_view kOidSpnego = "1.3.6.1.5.5.2";

class Der {
  public:
    explicit Der(std::string_view bytes) : bytes_(bytes) {}
    [[nodiscard]] bool at_end() const { return bytes_.empty(); }
    [[nodiscard]] int next_tag() const { return bytes_.empty() ? -1 : static_cast<std::uint8_t>(bytes_[0]); }

    /// The content of the next element where it has this tag.
    std::optional<std::string_view> take(int tag) {
        if (next_tag() != tag || bytes_.size() < 2) return std::nullopt;
        std::size_t size = static_cast<std::uint8_t>(bytes_[1]);
        std::size_t header = 2;
        if (size >= 0x80) {
            const std::size_t octets = size & 0x7f;
            if (octets == 0 || octets > 4 || bytes_.size() < 2 + octets) return std::nullopt;
            size = 0;
            for (std::size_t i = 0; i < octets; ++i)
                size = (size << 8) | static_cast<std::uint8_t>(bytes_[2 + i]);
            header += octets;
        }
        if (bytes_.size() - header < size) return std::nullopt;
        const auto content = bytes_.substr(header, size);
        bytes_.remove_prefix(header + size);
        return content;
    }

  private:
    std::string_view bytes_;
};

std::string dotted(std::string_view oid) {
    std::string text;
    std::uint64_t arc = 0;
    for (const char c : oid) {
        const auto octet = static_cast<std::uint8_t>(c);
        arc = (arc << 7) | (octet & 0x7f);
        if ((octet & 0x80) != 0) continue;
        if (text.empty()) {
            const std::uint64_t first = arc < 80 ? arc / 40 : 2;
            text = fmt::format("{}.{}", first, arc - first * 40);
        } else {
            text += fmt::format(".{}", arc);
        }
        arc = 0;
    }
    return text;
}

}  // namespace

Result<NegToken> parse_neg_token_init(std::string_view bytes) {
    Der outer(bytes);
    const auto application = outer.take(0x60);
    if (!application || !outer.at_end()) return nsutil::fail(EBADMSG, "not one [APPLICATION 0] element");
    Der inside(*application);
    const auto mech = inside.take(0x06);
    if (!mech || dotted(*mech) != kOidSpnego) return nsutil::fail(EBADMSG, "not SPNEGO");
    const auto choice = inside.take(0xa0);
    if (!choice || !inside.at_end()) return nsutil::fail(EBADMSG, "not a NegTokenInit");
    Der choice_der(*choice);
    const auto sequence = choice_der.take(0x30);
    if (!sequence || !choice_der.at_end()) return nsutil::fail(EBADMSG, "no sequence in the NegTokenInit");

    Der fields(*sequence);
    const auto types_field = fields.take(0xa0);
    if (!types_field) return nsutil::fail(EBADMSG, "no mechTypes");
    Der types_der(*types_field);
    const auto types = types_der.take(0x30);
    if (!types || !types_der.at_end()) return nsutil::fail(EBADMSG, "mechTypes is no sequence");
    NegToken token;
    for (Der each(*types); !each.at_end();) {
        const auto oid = each.take(0x06);
        if (!oid) return nsutil::fail(EBADMSG, "mechTypes holds something else than object ids");
        token.mech_types.push_back(dotted(*oid));
    }
    if (fields.next_tag() == 0xa1) (void)fields.take(0xa1);
    const auto token_field = fields.take(0xa2);
    if (!token_field) return nsutil::fail(EBADMSG, "no mechToken");
    Der token_der(*token_field);
    const auto octets = token_der.take(0x04);
    if (!octets || !token_der.at_end()) return nsutil::fail(EBADMSG, "mechToken is no octet string");
    token.mech_token = *octets;
    if (fields.next_tag() == 0xa3) (void)fields.take(0xa3);
    if (!fields.at_end()) return nsutil::fail(EBADMSG, "unknown fields in the NegTokenInit");
    return token;
}

}  // namespace nsupcall::test
