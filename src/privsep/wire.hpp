#pragma once
/// @file
/// The plain encoding of messages between worker and broker: numbers in the machine's byte order, every text
/// and byte string behind its 32-bit length.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "nsutil/secret_bytes.hpp"
#include "privsep/reply.hpp"

namespace nsupcall {

class WireWriter {
  public:
    WireWriter() { out_.reserve(kFirstBytes); }
    template <class Number>
    void number(Number value) {
        const auto at = out_.size();
        out_.resize(at + sizeof value);
        std::memcpy(out_.data() + at, &value, sizeof value);
    }
    void bytes(std::span<const std::byte> data) {
        number(static_cast<std::uint32_t>(data.size()));
        out_.insert(out_.end(), data.begin(), data.end());
    }
    void text(std::string_view text, std::size_t limit = kReplyTextLimit) {
        bytes(std::as_bytes(std::span(text.substr(0, limit))));
    }
    nsutil::SecretBytes take() { return std::move(out_); }

  private:
    static constexpr std::size_t kFirstBytes = 8192;
    nsutil::SecretBytes out_;
};

/// Reads what WireWriter wrote, as hostile bytes; after the first thing that is wrong everything is empty and
/// good() is false.
class WireReader {
  public:
    explicit WireReader(std::span<const std::byte> data) : rest_(data) {}
    template <class Number>
    Number number() {
        Number value = 0;
        if (rest_.size() < sizeof value) {
            good_ = false;
            return 0;
        }
        std::memcpy(&value, rest_.data(), sizeof value);
        rest_ = rest_.subspan(sizeof value);
        return value;
    }
    std::span<const std::byte> bytes(std::size_t limit) {
        const auto size = number<std::uint32_t>();
        if (!good_ || size > limit || size > rest_.size()) {
            good_ = false;
            return {};
        }
        const auto taken = rest_.first(size);
        rest_ = rest_.subspan(size);
        return taken;
    }
    std::string text(std::size_t limit = kReplyTextLimit) {
        const auto data = bytes(limit);
        return {reinterpret_cast<const char*>(data.data()), data.size()};
    }
    [[nodiscard]] bool good() const { return good_; }
    [[nodiscard]] bool at_end() const { return good_ && rest_.empty(); }

  private:
    std::span<const std::byte> rest_;
    bool good_ = true;
};

}  // namespace nsupcall
