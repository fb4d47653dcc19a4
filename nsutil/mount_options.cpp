#include "nsutil/mount_options.hpp"

#include <algorithm>

namespace nsutil {
namespace {

constexpr std::string_view kEscapedComma = "\\054";

std::string replace_all(std::string_view text, std::string_view from, std::string_view to) {
    std::string out;
    out.reserve(text.size());
    for (;;) {
        const auto at = text.find(from);
        out += text.substr(0, at);
        if (at == std::string_view::npos) return out;
        out += to;
        text.remove_prefix(at + from.size());
    }
}

std::string restore_commas(std::string_view text) {
    return replace_all(text, kEscapedComma, ",");
}

}  // namespace

std::string keep_commas_apart(std::string_view mountinfo) {
    // The escape is escaped, so that it is still there when libmount is done.
    return replace_all(mountinfo, kEscapedComma, "\\134054");
}

MountOptions MountOptions::parse(std::string_view text) {
    MountOptions options;
    while (!text.empty()) {
        const auto option = text.substr(0, text.find(','));
        text.remove_prefix(std::min(option.size() + 1, text.size()));
        const auto name = option.substr(0, option.find('='));
        if (name.empty()) continue;
        const auto value = option.substr(std::min(name.size() + 1, option.size()));
        options.all_.emplace_back(restore_commas(name), restore_commas(value));
    }
    return options;
}

std::optional<std::string_view> MountOptions::find(std::string_view name) const {
    const auto found = std::ranges::find(all_, name, &std::pair<std::string, std::string>::first);
    if (found == all_.end()) return std::nullopt;
    return found->second;
}

}  // namespace nsutil
