#include "admin/node_keytabs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>

#include "nsutil/bounded_read.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

constexpr std::size_t kFilesMost = 256, kFileBytesMost = 1024 * 1024;

std::map<std::string, bool> names_in(const std::filesystem::path& folder) {
    std::map<std::string, bool> names;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
        names[entry.path().filename().string()] = true;
    return names;
}

}  // namespace

Result<unsigned> sync_keytabs(const NodeRoot& node, const std::string& from, const std::string& to) {
    // All that is in the folder and not in the Secret goes: it must be a folder for nothing else.
    if (!to.starts_with("/run/nsupcall-") || to.find("/.") != std::string::npos)
        return nsutil::fail(EINVAL, to + " does not begin with /run/nsupcall-");
    auto folder = node.make_folder(to);
    if (!folder) return nsutil::propagate(folder);
    if (::fchmod(folder->get(), 0700) != 0) return nsutil::fail_errno(to);
    const auto there = names_in("/proc/self/fd/" + std::to_string(folder->get()));
    auto gone = there;
    unsigned changes = 0;
    std::size_t count = 0;
    for (const auto& [name, _] : names_in(from)) {
        if (name.starts_with('.') || !name.ends_with(".keytab")) continue;
        if (++count > kFilesMost) return nsutil::fail(EFBIG, from + " holds too many files");
        const auto path = from + "/" + name;
        const auto content = nsutil::read_file_at(AT_FDCWD, path.c_str(), kFileBytesMost);
        // Between two looks the Secret may have been exchanged.
        if (!content && content.error().code == ENOENT) continue;
        if (!content) return std::unexpected(content.error());
        gone.erase(name);
        const auto former = nsutil::read_file_at(folder->get(), name.c_str(), kFileBytesMost);
        if (former && *former == *content) continue;
        if (auto done = replace_file(folder->get(), name, *content, 0600); !done)
            return nsutil::propagate(done, to);
        ++changes;
    }
    for (const auto& [name, _] : gone)
        if (::unlinkat(folder->get(), name.c_str(), 0) == 0) ++changes;
    return changes;
}

}  // namespace nsupcall::admin
