#include "admin/terminal.hpp"

#include <unistd.h>

#include <array>
#include <cstdlib>
#include <ctime>

#include "trace/trace.hpp"

namespace nsupcall::admin {

Painter Painter::for_output(int fd) {
    const char* no_colour = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    const bool refused = (no_colour != nullptr && *no_colour != '\0') || term == nullptr ||
                         std::string_view(term) == "dumb" || ::isatty(fd) != 1;
    return Painter(!refused);
}

std::string Painter::paint(Tone tone, std::string_view text) const {
    static constexpr std::array<std::string_view, 6> kCodes = {"", "32", "33", "31", "2", "1"};
    const auto code = kCodes.at(static_cast<std::size_t>(tone));
    if (!colours_ || code.empty()) return std::string(text);
    return "\033[" + std::string(code) + "m" + std::string(text) + "\033[0m";
}

std::string relative_time(std::int64_t then, std::int64_t now) {
    if (then == now) return "now";
    return then > now ? "in " + span_in_words(then - now) : span_in_words(now - then) + " ago";
}

std::string clock_time(std::int64_t then) {
    const std::time_t time = then;
    std::tm local = {};
    std::array<char, 32> text = {};
    if (::localtime_r(&time, &local) == nullptr) return std::to_string(then);
    (void)std::strftime(text.data(), text.size(), "%F %T", &local);
    return text.data();
}

}  // namespace nsupcall::admin
