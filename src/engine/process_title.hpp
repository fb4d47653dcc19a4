#pragma once
/// @file
/// What ps(1) shows of a servant.

#include <cstddef>
#include <string_view>

namespace nsupcall::engine {

/// Remembers where the kernel keeps the command line. To be called in main(), before anything forks.
void remember_command_line(char** argv);

/// Shows it again.
void restore_command_line();

/// Replaces it by `name` and `word`, as far as there is room.
void set_command_line(std::string_view name, std::string_view word);

}  // namespace nsupcall::engine
