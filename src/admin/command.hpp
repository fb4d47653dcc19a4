#pragma once
/// @file
/// What a subcommand of nsupcall(8) is to its main: a function that declares itself to the command line.

#include <CLI/CLI.hpp>

namespace nsupcall::admin {

/// Exit statuses that every subcommand shares. Some have more of their own, which their manual pages tell.
inline constexpr int kExitGood = 0, kExitBad = 1, kExitUnknown = 2;
inline constexpr int kExitUsage = 64;  ///< EX_USAGE of sysexits.h

/// Adds one subcommand with its options. Its callback runs it, and leaves the exit status in `status`, which
/// outlives `app`.
using AddSubcommand = void (*)(CLI::App& app, int& status);

}  // namespace nsupcall::admin
