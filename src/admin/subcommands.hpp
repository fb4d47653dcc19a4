#pragma once
/// @file
/// All subcommands, in the order in which --help lists them. Each is in a file of its name.

#include "admin/command.hpp"

namespace nsupcall::admin {

void add_explain(CLI::App& app, int& status);
void add_inspect(CLI::App& app, int& status);
void add_install(CLI::App& app, int& status);
void add_doctor(CLI::App& app, int& status);
void add_idmap(CLI::App& app, int& status);
void add_completion(CLI::App& app, int& status);
void add_config(CLI::App& app, int& status);
void add_node(CLI::App& app, int& status);
void add_history(CLI::App& app, int& status);
void add_map(CLI::App& app, int& status);
void add_agent(CLI::App& app, int& status);

inline constexpr AddSubcommand kSubcommands[] = {
    add_explain,
    add_inspect,
    add_install,
    add_doctor,
    add_config,
    add_node,
    add_history,
    add_map,
    add_agent,
    add_idmap,
    add_completion,
};

}  // namespace nsupcall::admin
