#include "admin/node_store.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <memory>

namespace nsupcall::admin {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;

constexpr const char* kUnfinished = ".unfinished";

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
};

std::vector<std::string> list(int folder_fd) {
    std::vector<std::string> names;
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(::fcntl(folder_fd, F_DUPFD_CLOEXEC, 0)));
    if (!folder) return names;
    ::rewinddir(folder.get());
    while (const auto* entry = ::readdir(folder.get()))
        if (const std::string name = entry->d_name; name != "." && name != "..") names.push_back(name);
    return names;
}

// Without following links; what is a mount point or immutable stays, and is reported by the folder that stays
// with it.
void remove_tree(int above_fd, const std::string& name) {
    if (::unlinkat(above_fd, name.c_str(), 0) == 0 || errno == ENOENT) return;
    {
        const UniqueFd folder(
            ::openat(above_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
        if (!folder) return;
        for (const auto& inner : list(folder.get())) remove_tree(folder.get(), inner);
    }
    (void)::unlinkat(above_fd, name.c_str(), AT_REMOVEDIR);
}

}  // namespace

Result<UniqueFd> NodeStore::lock() const {
    auto folder = node_.make_folder(prefix_);
    if (!folder) return folder;
    if (::flock(folder->get(), LOCK_EX) != 0) return nsutil::fail_errno(prefix_);
    return folder;
}

std::string NodeStore::version_in_use() const {
    const auto folder = node_.open_at(prefix_, O_RDONLY | O_DIRECTORY);
    if (!folder) return {};
    std::array<char, 512> target = {};
    const auto size = ::readlinkat(folder->get(), "current", target.data(), target.size() - 1);
    const std::string text = size > 0 ? target.data() : "";
    return text.starts_with("versions/") ? text.substr(9) : "";
}

std::vector<std::string> NodeStore::versions() const {
    const auto folder = node_.open_at(prefix_ + "/versions", O_RDONLY | O_DIRECTORY);
    return folder ? list(folder->get()) : std::vector<std::string>();
}

Result<std::string> NodeStore::add(const Bundle& bundle) const {
    auto name = bundle.name();
    auto moved = bundle.moved_to(folder_of(name));
    if (!moved) return nsutil::propagate(moved);
    if (moved->is_at(node_, folder_of(name))) return name;
    auto versions = node_.make_folder(prefix_ + "/versions");
    if (!versions) return nsutil::propagate(versions);
    remove_tree(versions->get(), kUnfinished);
    if (auto written = moved->write(node_, folder_of(kUnfinished)); !written) {
        remove_tree(versions->get(), kUnfinished);
        return nsutil::propagate(written);
    }
    // One of this name is damaged: exchanged for a whole one, so that there is one at every moment.
    int done = ::renameat2(versions->get(), kUnfinished, versions->get(), name.c_str(), RENAME_NOREPLACE);
    if (done != 0 && errno == EEXIST)
        done = ::renameat2(versions->get(), kUnfinished, versions->get(), name.c_str(), RENAME_EXCHANGE);
    auto failed = nsutil::fail_errno(folder_of(name));
    remove_tree(versions->get(), kUnfinished);
    if (done != 0) return failed;
    (void)::fsync(versions->get());
    return name;
}

Result<void> NodeStore::use(const std::string& version) const {
    const auto former = version_in_use();
    if (former == version) return {};
    auto folder = node_.make_folder(prefix_);
    if (!folder) return nsutil::propagate(folder);
    if (version.empty()) {
        if (::unlinkat(folder->get(), "current", 0) != 0 && errno != ENOENT)
            return nsutil::fail_errno("current");
    } else if (auto done = replace_link(folder->get(), "current", "versions/" + version); !done) {
        return done;
    }
    // From now on its age counts (prune).
    if (const auto old = node_.open_at(folder_of(former), O_RDONLY | O_DIRECTORY); !former.empty() && old)
        (void)::futimens(old->get(), nullptr);
    return {};
}

void NodeStore::remove(const std::string& version) const {
    const auto versions = node_.open_at(prefix_ + "/versions", O_RDONLY | O_DIRECTORY);
    if (versions && !version.empty() && version != version_in_use()) remove_tree(versions->get(), version);
}

void NodeStore::prune(int seconds) const {
    const auto in_use = version_in_use();
    for (const auto& version : versions()) {
        struct stat about = {};
        const auto folder = node_.open_at(folder_of(version), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        if (!folder || version == in_use || ::fstat(folder->get(), &about) != 0) continue;
        if (version == kUnfinished || ::time(nullptr) - about.st_mtime >= seconds) remove(version);
    }
}

Result<void> NodeStore::remove_all() const {
    const auto slash = prefix_.rfind('/');
    auto above = node_.open_at(slash == 0 ? "/" : prefix_.substr(0, slash), O_RDONLY | O_DIRECTORY);
    if (!above) return above.error().code == ENOENT ? Result<void>() : nsutil::propagate(above);
    remove_tree(above->get(), prefix_.substr(slash + 1));
    if (node_.has(prefix_)) return nsutil::fail(EBUSY, prefix_ + " could not be removed");
    return {};
}

}  // namespace nsupcall::admin
