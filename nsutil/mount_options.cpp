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

std::string_view smb_host_of(std::string_view source) {
    constexpr std::string_view kSlashes = "/\\";
    if (source.size() < 2 || !kSlashes.contains(source[0]) || !kSlashes.contains(source[1])) return {};
    source.remove_prefix(2);
    return source.substr(0, source.find_first_of(kSlashes));
}

bool same_but_for_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

}  // namespace nsutil
