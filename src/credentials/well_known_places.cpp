#include "credentials/well_known_places.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

/// Calls `entry(dir_fd, name)` for each entry, until it returns false.
template <class Entry>
void for_each_entry(const std::string& directory, Entry entry) {
    nsutil::UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return;
    const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd.get()), ::closedir);
    if (stream == nullptr) return;
    const int dir_fd = fd.release();
    for (unsigned count = 0; count < kEntriesMost; ++count) {
        const dirent* found = ::readdir(stream.get());
        if (found == nullptr || !entry(dir_fd, std::string(found->d_name))) return;
    }
}

}  // namespace

std::vector<std::string> files_matching(const std::string& directory, const std::string& pattern) {
    std::vector<std::string> paths;
    for_each_entry(directory, [&](int, const std::string& name) {
        if (::fnmatch(pattern.c_str(), name.c_str(), FNM_PERIOD) == 0)
            paths.push_back(directory + "/" + name);
        return paths.size() < kFilesMost;
    });
    std::ranges::sort(paths);
    return paths;
}

std::vector<std::string> files_owned_in(const std::string& directory, std::uint32_t inside_uid) {
    std::vector<std::pair<ino_t, std::string>> files;
    ino_t preferred = 0;
    struct stat info = {};
    const std::string link = directory + "/krb5cc_" + std::to_string(inside_uid);
    if (::stat(link.c_str(), &info) == 0) preferred = info.st_ino;
    for_each_entry(directory, [&](int dir_fd, const std::string& name) {
        if (::fstatat(dir_fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(info.st_mode) &&
            info.st_uid == inside_uid)
            files.emplace_back(info.st_ino, directory + "/" + name);
        return files.size() < kFilesMost;
    });
    std::ranges::sort(files, {}, [&](const auto& file) {
        return std::pair(file.first != preferred, std::string_view(file.second));
    });
    std::vector<std::string> paths;
    paths.reserve(files.size());
    for (auto& [inode, path] : files) paths.push_back(std::move(path));
    return paths;
}

}  // namespace nsupcall
