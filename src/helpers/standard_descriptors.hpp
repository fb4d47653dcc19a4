#pragma once
/// @file
/// The first thing that a helper does.

#include <fcntl.h>
#include <unistd.h>

namespace nsupcall {

/// Whoever starts us may have closed the standard descriptors; nothing of ours may land on their numbers.
inline void open_standard_descriptors() {
    int fd = -1;
    do fd = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd > STDERR_FILENO) (void)::close(fd);
}

}  // namespace nsupcall
