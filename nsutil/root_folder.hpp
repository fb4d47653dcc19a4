#pragma once
/// @file
/// Folders and files that only root can have put there.

#include <sys/stat.h>

#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsutil {

/// Owned by root, and written by nobody else.
[[nodiscard]] inline bool is_roots_alone(const struct stat& info) {
    return info.st_uid == 0 && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// Opens a folder for `*at` calls; a symbolic link in its place is none.
/// @param folder  absolute path
/// @errors EPERM it is not root's alone; those of openat(2)
[[nodiscard]] Result<UniqueFd> open_root_folder(const std::string& folder);

/// The same; where it does not exist it is made with mode 0700, and the folder above it with 0755.
/// @errors those of open_root_folder() and mkdir(2)
[[nodiscard]] Result<UniqueFd> open_or_make_root_folder(const std::string& folder);

}  // namespace nsutil
