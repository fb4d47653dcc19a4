#include "nsutil/bounded_read.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace nsutil {

Result<UniqueFd> open_at(int dir_fd, const char* name, int flags) {
    for (;;) {
        UniqueFd fd(::openat(dir_fd, name, flags | O_CLOEXEC));
        if (fd) return fd;
        if (errno != EINTR) return fail_errno(std::string("open ") + name);
    }
}

Result<std::string> read_all(int fd, std::size_t limit) {
    constexpr std::size_t kFirstBytes = 4096;  // holds most /proc files in one go
    std::string text;
    std::size_t used = 0;
    for (;;) {
        if (used == text.size()) text.resize(std::min(std::max(kFirstBytes, text.size() * 2), limit + 1));
        const ssize_t got = ::read(fd, text.data() + used, text.size() - used);
        if (got < 0) {
            if (errno == EINTR) continue;
            return fail_errno("read");
        }
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        if (used > limit) return fail(EFBIG, "longer than " + std::to_string(limit) + " bytes");
    }
    text.resize(used);
    return text;
}

Result<std::string> read_file_at(int dir_fd, const char* name, std::size_t limit) {
    auto fd = open_at(dir_fd, name, O_RDONLY);
    if (!fd) return propagate(fd);
    auto text = read_all(fd->get(), limit);
    if (!text) return propagate(text, name);
    return text;
}

}  // namespace nsutil
