#pragma once
/// @file
/// A digest that tells contents apart.

#include <cstdint>
#include <string_view>

namespace nsupcall::admin {

/// FNV-1a (Fowler, Noll, Vo), 64 bits, over parts: tells builds and edits apart; nobody's safety rests on it.
class Digest {
  public:
    void add(std::string_view bytes) {
        for (const char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3U;
        value_ = (value_ ^ 0xffU) * 0x100000001b3U;
    }
    [[nodiscard]] std::uint64_t value() const { return value_; }

  private:
    std::uint64_t value_ = 0xcbf29ce484222325U;
};

}  // namespace nsupcall::admin
