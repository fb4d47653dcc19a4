#pragma once
/// @file
/// The command line as shells complete it, read from its own declaration.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace nsupcall::admin {

/// One option, with all its names: "--json", "-n".
struct CompletedOption {
    std::vector<std::string> names;
    std::string description;  ///< one line
    bool takes_value = false;
};

/// The command itself or one subcommand.
struct CompletedCommand {
    std::string path;         ///< "", "history", "history show"
    std::string name;         ///< the last word of it
    std::string description;  ///< one line
    std::vector<CompletedOption> options;
    std::vector<CompletedCommand> subcommands;
};

[[nodiscard]] CompletedCommand read_command_line(const CLI::App& app);

/// Calls `visit` for the command and everything below it.
template <class Visit>
void each_command(const CompletedCommand& command, const Visit& visit) {
    visit(command);
    for (const auto& subcommand : command.subcommands) each_command(subcommand, visit);
}

/// Scripts that a shell reads. @return the text for bash(1), zsh(1), fish(1)
[[nodiscard]] std::string bash_completion(const CompletedCommand& command);
[[nodiscard]] std::string zsh_completion(const CompletedCommand& command);
[[nodiscard]] std::string fish_completion(const CompletedCommand& command);

}  // namespace nsupcall::admin
