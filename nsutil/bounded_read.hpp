#pragma once
/// @file
/// Reading small files whole, with a written limit. What comes from a container is hostile, and
/// /proc files have no size of their own.

#include <cstddef>
#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsutil {

/// Opens `name` below the directory `dir_fd` (AT_FDCWD allowed) with `flags` and O_CLOEXEC.
/// @errors that of openat(2)
[[nodiscard]] Result<UniqueFd> open_at(int dir_fd, const char* name, int flags);

/// Reads `fd` from its position to its end.
/// @param limit  bytes; more than that is an error, nothing is cut silently
/// @errors EFBIG longer than `limit`; those of read(2)
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit);

/// Opens and reads `name` below `dir_fd`; see open_at() and read_all().
[[nodiscard]] Result<std::string> read_file_at(int dir_fd, const char* name, std::size_t limit);

}  // namespace nsutil
