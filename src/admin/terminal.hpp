#pragma once
/// @file
/// Text for people: colours where they are wanted, times in words.

#include <cstdint>
#include <string>
#include <string_view>

namespace nsupcall::admin {

/// What a colour says, not which one it is.
enum class Tone : std::uint8_t { plain, good, warning, bad, faint, heading };

/// Paints text for one output. Everything from outside must be escaped (trace/trace.hpp) before it is
/// painted.
class Painter {
  public:
    /// @param colours  emit SGR sequences (ECMA-48) at all
    explicit Painter(bool colours) : colours_(colours) {}

    /// Colours where `fd` is a terminal that knows them, unless NO_COLOR is set to anything (no-color.org).
    [[nodiscard]] static Painter for_output(int fd);

    [[nodiscard]] std::string paint(Tone tone, std::string_view text) const;
    [[nodiscard]] bool colours() const { return colours_; }

  private:
    bool colours_;
};

/// "in 3 h", "3 h ago", "now". @param now, then  Unix times in seconds
[[nodiscard]] std::string relative_time(std::int64_t then, std::int64_t now);

/// "2026-03-01 14:05:09" in local time.
[[nodiscard]] std::string clock_time(std::int64_t then);

}  // namespace nsupcall::admin
