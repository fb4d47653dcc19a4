#include "rules/expand.hpp"

#include <algorithm>

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

bool is_harmless(std::string_view value) {
    if (value.starts_with('.')) return false;
    return std::ranges::none_of(value, [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte <= ' ' || byte == 0x7f ||
               std::string_view("/\\*?[]{}%").find(c) != std::string_view::npos;
    });
}

/// Calls `piece(text, is_variable)` for every part of the pattern, until one fails.
template <class Piece>
Result<void> walk(std::string_view pattern, Piece piece) {
    while (!pattern.empty()) {
        const auto percent = pattern.find('%');
        if (percent != 0) {
            if (auto done = piece(pattern.substr(0, percent), false); !done) return done;
            if (percent == std::string_view::npos) break;
            pattern.remove_prefix(percent);
        }
        if (pattern.starts_with("%%")) {
            if (auto done = piece("%", false); !done) return done;
            pattern.remove_prefix(2);
            continue;
        }
        const auto end = pattern.find('}');
        if (!pattern.starts_with("%{") || end == std::string_view::npos)
            return fail(EINVAL, "a '%' that begins no %{name}");
        const auto name = pattern.substr(2, end - 2);
        if (std::ranges::find(kVariables, name) == std::end(kVariables))
            return fail(EINVAL, "no such variable: %{" + std::string(name) + "}");
        if (auto done = piece(name, true); !done) return done;
        pattern.remove_prefix(end + 1);
    }
    return {};
}

}  // namespace

Result<std::string> expand(std::string_view pattern, const Variables& variables) {
    std::string out;
    auto done = walk(pattern, [&](std::string_view text, bool is_variable) -> Result<void> {
        if (!is_variable) {
            out += text;
            return {};
        }
        const auto found = std::ranges::find(variables, text, &Variables::value_type::first);
        if (found == variables.end() || found->second.empty())
            return fail(ENODATA, "%{" + std::string(text) + "} has no value here");
        if (!is_harmless(found->second))
            return fail(EINVAL, "the value of %{" + std::string(text) + "} is not fit for a name");
        out += found->second;
        return {};
    });
    if (!done) return nsutil::propagate(done);
    return out;
}

Result<void> check_pattern(std::string_view pattern) {
    return walk(pattern, [](std::string_view, bool) -> Result<void> { return {}; });
}

}  // namespace nsupcall
