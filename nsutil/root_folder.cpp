#include "nsutil/root_folder.hpp"

#include <fcntl.h>

#include "nsutil/bounded_read.hpp"

namespace nsutil {

Result<UniqueFd> open_root_folder(const std::string& folder) {
    auto fd = open_at(AT_FDCWD, folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!fd) return propagate(fd);
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return fail_errno("stat " + folder);
    if (!is_roots_alone(info)) return fail(EPERM, folder + " is not root's alone");
    return fd;
}

Result<UniqueFd> open_or_make_root_folder(const std::string& folder) {
    auto fd = open_root_folder(folder);
    if (fd || fd.error().code != ENOENT) return fd;
    const auto slash = folder.rfind('/');
    if (slash != std::string::npos && slash > 0 && ::mkdir(folder.substr(0, slash).c_str(), 0755) != 0 &&
        errno != EEXIST)
        return fail_errno("make the folder of " + folder);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return fail_errno("make " + folder);
    return open_root_folder(folder);
}

}  // namespace nsutil
