#pragma once
/// @file
/// Short names for contents.

#include <array>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace nsupcall {

/// FNV-1a (Fowler, Noll, Vo), 64 bits, over parts: names of files, and what tells builds and edits apart.
/// Names need to be short, not secret: what a file holds decides, not what it is called; nobody's safety
/// rests on it.
class NameHash {
  public:
    NameHash& text(std::string_view bytes) {
        for (const char c : bytes) byte(static_cast<unsigned char>(c));
        byte(0xff);  // in no UTF-8 text, so that no two fields can run together
        return *this;
    }
    NameHash& number(std::uint64_t value) {
        for (unsigned at = 0; at < sizeof value; ++at) byte(static_cast<unsigned char>(value >> (8 * at)));
        return *this;
    }
    [[nodiscard]] std::uint64_t value() const { return state_; }
    [[nodiscard]] std::string hex() const {
        std::array<char, 17> digits = {};
        (void)std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(state_));
        return digits.data();
    }

  private:
    void byte(unsigned char value) {
        state_ ^= value;
        state_ *= 0x100000001b3ULL;
    }
    std::uint64_t state_ = 0xcbf29ce484222325ULL;
};

}  // namespace nsupcall
