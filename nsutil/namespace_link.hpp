#pragma once
/// @file
/// Which namespace a process is in, where there are thousands to be asked.

#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "nsutil/proc_text.hpp"

namespace nsutil {

/// The inode of the namespace that a link below /proc names, "mnt:[4026531840]". A third cheaper than
/// fstatat(2), which follows it and so brings the namespace's own file to life.
/// @return 0 where it cannot be told: errno says why (ENOENT the process has ended, EACCES it may not be
/// looked at)
[[nodiscard]] inline ino_t namespace_inode(int proc_fd, const char* path) {
    std::array<char, 64> text = {};
    const ssize_t size = ::readlinkat(proc_fd, path, text.data(), text.size());
    if (size < 0) return 0;
    const std::string_view link(text.data(), static_cast<std::size_t>(size));
    const auto begin = link.find('[');
    const auto end = link.find(']');
    errno = EINVAL;
    if (begin == std::string_view::npos || end == std::string_view::npos) return 0;
    return parse_number<ino_t>(link.substr(begin + 1, end - begin - 1)).value_or(0);
}

}  // namespace nsutil
