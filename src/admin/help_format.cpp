#include "admin/help_format.hpp"

#include <sstream>

namespace nsupcall::admin {
namespace {

/// What goes past the last column goes to a line of its own, below where the description begins.
std::string fold(std::string line, std::size_t indent) {
    std::string out;
    while (line.size() > ScreenFormatter::kColumns) {
        auto cut = line.rfind(' ', ScreenFormatter::kColumns);
        if (cut == std::string::npos || cut <= indent) cut = line.find(' ', indent + 1);
        if (cut == std::string::npos) break;
        out += line.substr(0, cut) + "\n";
        line = std::string(indent, ' ') + line.substr(cut + 1);
    }
    return out + line + "\n";
}

}  // namespace

std::string ScreenFormatter::make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const {
    std::istringstream text(CLI::Formatter::make_help(app, std::move(name), mode));
    std::string out;
    for (std::string line; std::getline(text, line);)
        out += fold(line, line.starts_with(' ') ? kNameColumns : 0);
    while (out.ends_with("\n\n")) out.pop_back();
    return out;
}

std::string ScreenFormatter::make_footer(const CLI::App* app) const {
    return app->get_parent() == nullptr ? CLI::Formatter::make_footer(app) : "";
}

std::string ScreenFormatter::make_option_opts(const CLI::Option* option) const {
    return option->get_items_expected_max() > 0 && !option->get_positional() ? " ARG" : "";
}

std::string ScreenFormatter::make_option_desc(const CLI::Option* option) const {
    const auto value = option->get_default_str();
    return option->get_description() + (value.empty() ? "" : " [" + value + "]");
}

}  // namespace nsupcall::admin
