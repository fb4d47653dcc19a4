/// @file
/// nsupcall completion: scripts for shells, made of what the command line declares.

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>

#include "admin/completion_model.hpp"
#include "admin/subcommands.hpp"

namespace nsupcall::admin {
namespace {

void read_into(const CLI::App& app, CompletedCommand& command) {
    for (const auto* option : app.get_options()) {
        CompletedOption completed;
        for (const auto& name : option->get_snames()) completed.names.push_back("-" + name);
        for (const auto& name : option->get_lnames()) completed.names.push_back("--" + name);
        if (completed.names.empty()) continue;  // positional
        completed.description = option->get_description();
        completed.takes_value = option->get_items_expected_max() > 0;
        command.options.push_back(std::move(completed));
    }
    for (const auto* inner : app.get_subcommands([](const CLI::App*) { return true; })) {
        CompletedCommand subcommand;
        subcommand.name = inner->get_name();
        subcommand.path = command.path.empty() ? subcommand.name : command.path + " " + subcommand.name;
        subcommand.description = inner->get_description();
        read_into(*inner, subcommand);
        command.subcommands.push_back(std::move(subcommand));
    }
}

/// Text within single quotes of a POSIX shell.
std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

/// The same for fish, which knows backslashes within single quotes.
std::string fish_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

/// "name:description" of zsh's _describe.
std::string described(const std::string& name, const std::string& description) {
    std::string out;
    for (const char c : name) out += c == ':' ? std::string("\\:") : std::string(1, c);
    return quoted(out + ":" + description);
}

/// Patterns of a `case` for all that `pick` says of the commands, parted by " | ".
template <class Pick>
std::string patterns(const CompletedCommand& command, const Pick& pick) {
    std::string out;
    each_command(command, [&](const CompletedCommand& one) {
        for (const auto& text : pick(one)) out += (out.empty() ? "" : " | ") + quoted(text);
    });
    return out;
}

std::string path_patterns(const CompletedCommand& command) {
    return patterns(command, [](const CompletedCommand& one) {
        return one.path.empty() ? std::vector<std::string>() : std::vector{" " + one.path};
    });
}

std::string value_patterns(const CompletedCommand& command) {
    return patterns(command, [](const CompletedCommand& one) {
        std::vector<std::string> found;
        for (const auto& option : one.options)
            for (const auto& name : option.names)
                if (option.takes_value)
                    found.push_back((one.path.empty() ? "" : " " + one.path) + "/" + name);
        return found;
    });
}

}  // namespace

CompletedCommand read_command_line(const CLI::App& app) {
    CompletedCommand command;
    command.name = app.get_name();
    command.description = app.get_description();
    read_into(app, command);
    return command;
}

std::string bash_completion(const CompletedCommand& command) {
    std::string cases;
    each_command(command, [&](const CompletedCommand& one) {
        std::string words;
        for (const auto& subcommand : one.subcommands) words += " " + subcommand.name;
        for (const auto& option : one.options)
            for (const auto& name : option.names) words += " " + name;
        cases += fmt::format("        {}) words={} ;;\n", quoted(one.path.empty() ? "" : " " + one.path),
                             quoted(words.substr(words.empty() ? 0 : 1)));
    });
    return fmt::format(R"(# bash completion of {0}, made by `{0} completion bash`.
_{0}() {{
    local path= words= i cur=${{COMP_WORDS[COMP_CWORD]}}
    for ((i = 1; i < COMP_CWORD; i++)); do
        case "$path ${{COMP_WORDS[i]}}" in
        {1}) path="$path ${{COMP_WORDS[i]}}" ;;
        esac
    done
    case "$path/${{COMP_WORDS[COMP_CWORD - 1]}}" in
    {2})
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return
        ;;
    esac
    case $path in
{3}    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}}
complete -F _{0} {0}
)",
                       command.name, path_patterns(command), value_patterns(command), cases);
}

std::string zsh_completion(const CompletedCommand& command) {
    std::string cases;
    each_command(command, [&](const CompletedCommand& one) {
        std::string subcommands, options;
        for (const auto& subcommand : one.subcommands)
            subcommands += " " + described(subcommand.name, subcommand.description);
        for (const auto& option : one.options)
            for (const auto& name : option.names) options += " " + described(name, option.description);
        cases += fmt::format("    {}) subcommands=({}) options=({}) ;;\n",
                             quoted(one.path.empty() ? "" : " " + one.path), subcommands, options);
    });
    return fmt::format(R"(#compdef {0}
# zsh completion of {0}, made by `{0} completion zsh`.
_{0}() {{
    local at= i
    local -a subcommands options
    for ((i = 2; i < CURRENT; i++)); do
        case "$at ${{words[i]}}" in
        {1}) at="$at ${{words[i]}}" ;;
        esac
    done
    case "$at/${{words[CURRENT - 1]}}" in
    {2})
        _files
        return
        ;;
    esac
    case $at in
{3}    esac
    (( $#subcommands )) && _describe -t commands command subcommands
    if [[ $PREFIX == -* ]] || (( ! $#subcommands )); then
        _describe -o -t options option options
    fi
}}
if [ "$funcstack[1]" = _{0} ]; then _{0} "$@"; else compdef _{0} {0}; fi
)",
                       command.name, path_patterns(command), value_patterns(command), cases);
}

std::string fish_completion(const CompletedCommand& command) {
    std::string paths, lines;
    each_command(command, [&](const CompletedCommand& one) {
        if (!one.path.empty()) paths += " " + fish_quoted(one.path);
        const auto at = fish_quoted("__" + command.name + "_at " + fish_quoted(one.path));
        for (const auto& subcommand : one.subcommands)
            lines += fmt::format("complete -c {} -n {} -a {} -d {}\n", command.name, at, subcommand.name,
                                 fish_quoted(subcommand.description));
        for (const auto& option : one.options) {
            lines += fmt::format("complete -c {} -n {}", command.name, at);
            for (const auto& name : option.names)
                lines += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
            lines += fmt::format("{} -d {}\n", option.takes_value ? " -r -F" : "",
                                 fish_quoted(option.description));
        }
    });
    return fmt::format(R"(# fish completion of {0}, made by `{0} completion fish`.
function __{0}_at
    set -l path
    for word in (commandline -opc)[2..-1]
        if contains -- (string join ' ' $path $word){1}
            set path $path $word
        end
    end
    test "$path" = "$argv[1]"
end
complete -c {0} -f
{2})",
                       command.name, paths, lines);
}

void add_completion(CLI::App& app, int& status) {
    auto* completion = app.add_subcommand("completion", "A script for your shell, to be read by it");
    auto shell = std::make_shared<std::string>();
    completion->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    completion->callback([&app, shell, &status] {
        const auto command = read_command_line(app);
        const auto script = *shell == "bash"  ? bash_completion(command)
                            : *shell == "zsh" ? zsh_completion(command)
                                              : fish_completion(command);
        status = std::fputs(script.c_str(), stdout) >= 0 ? kExitGood : kExitUnknown;
    });
}

}  // namespace nsupcall::admin
