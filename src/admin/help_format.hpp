#pragma once
/// @file
/// --help that fits a screen.

#include <CLI/CLI.hpp>
#include <string>

namespace nsupcall::admin {

/// CLI11's own format, with defaults behind the descriptions and no line longer than a terminal of 80 columns
/// shows.
class ScreenFormatter : public CLI::Formatter {
  public:
    static constexpr std::size_t kColumns = 79, kNameColumns = 24;

    ScreenFormatter() { column_width(kNameColumns); }

    std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override;
    /// Of nsupcall itself alone: a subcommand's help is long enough.
    std::string make_footer(const CLI::App* app) const override;
    std::string make_option_opts(const CLI::Option* option) const override;
    std::string make_option_desc(const CLI::Option* option) const override;
};

}  // namespace nsupcall::admin
