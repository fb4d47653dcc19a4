#pragma once
/// @file
/// Removes what a test run leaves in the file system, whatever ends the run.
///
/// Rules in /etc/request-key.d and folders in /tmp must not outlive a test, but a test can be killed by
/// Ctrl-C, a timeout (SIGKILL) or a crash, where no destructor runs. So the first `remember_path()` forks a
/// process that only waits for the end of this one, and then removes every path that was not forgotten.

#include <filesystem>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// Has `path` (a file, or a folder with all it holds) removed when this process ends, however it ends.
/// Call it before the path is made. Paths must not contain a line break.
[[nodiscard]] nsutil::Result<void> remember_path(const std::filesystem::path& path);

/// Takes `path` off the list, after it was removed.
void forget_path(const std::filesystem::path& path);

/// Removes what earlier runs left: entries of `folder` named `<prefix><pid>-*` whose process is gone.
void sweep_stale(const std::filesystem::path& folder, std::string_view prefix);

}  // namespace nsupcall::test
