#include "names/dns_answer.hpp"

#include <algorithm>

namespace nsupcall {
namespace {

constexpr std::uint16_t kTypeA = 1, kTypeCname = 5, kTypeAaaa = 28, kClassIn = 1;

/// Walks over a message; after the first thing that is wrong, good() is false and all else is 0.
class Walk {
  public:
    explicit Walk(std::span<const unsigned char> rest) : rest_(rest) {}

    void skip(std::size_t count) {
        if (count > rest_.size()) {
            good_ = false;
            count = rest_.size();
        }
        rest_ = rest_.subspan(count);
    }

    template <class Number>
    Number number() {
        if (rest_.size() < sizeof(Number)) good_ = false;
        if (!good_) return 0;
        Number value = 0;
        for (std::size_t at = 0; at < sizeof(Number); ++at)
            value = static_cast<Number>((value << 8U) | rest_[at]);
        skip(sizeof(Number));
        return value;
    }

    void skip_name() {
        constexpr unsigned char kPointer = 0xc0, kLabelMost = 63;
        while (good_) {
            const auto length = number<std::uint8_t>();
            if (length == 0) return;
            if (length >= kPointer) return skip(1);
            if (length > kLabelMost) good_ = false;
            skip(length);
        }
    }

    [[nodiscard]] bool good() const { return good_; }

  private:
    std::span<const unsigned char> rest_;
    bool good_ = true;
};

}  // namespace

std::optional<std::uint32_t> shortest_ttl(std::span<const unsigned char> message) {
    Walk walk(message);
    walk.skip(4);  // id, flags
    const auto questions = walk.number<std::uint16_t>();
    const auto answers = walk.number<std::uint16_t>();
    walk.skip(4);  // counts of the other sections
    for (unsigned at = 0; at < questions && walk.good(); ++at) {
        walk.skip_name();
        walk.skip(4);  // type, class
    }
    std::uint32_t shortest = 0xffffffffU;
    bool has_address = false;
    for (unsigned at = 0; at < answers && walk.good(); ++at) {
        walk.skip_name();
        const auto type = walk.number<std::uint16_t>();
        const auto record_class = walk.number<std::uint16_t>();
        auto ttl = walk.number<std::uint32_t>();
        walk.skip(walk.number<std::uint16_t>());
        if (record_class != kClassIn || (type != kTypeA && type != kTypeAaaa && type != kTypeCname)) continue;
        if ((ttl >> 31U) != 0) ttl = 0;
        shortest = std::min(shortest, ttl);
        has_address |= type != kTypeCname;
    }
    if (!walk.good() || !has_address) return std::nullopt;
    return shortest;
}

}  // namespace nsupcall
