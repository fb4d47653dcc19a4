#include "admin/node_rules.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

namespace nsupcall::admin {
namespace {

using nsutil::Result;

constexpr std::string_view kMark =
    "# Written by `nsupcall node install`; `nsupcall node uninstall` removes it.\n";
constexpr std::string_view kBuiltFor = " /nsupcall/sbin/";
constexpr std::size_t kLimit = 64 * 1024;

}  // namespace

std::string NodeRules::text_for(const std::string& pattern, const std::string& sbin) {
    std::string text(kMark);
    text += pattern;
    for (auto at = text.find(kBuiltFor); at != std::string::npos; at = text.find(kBuiltFor, at + 1))
        text.replace(at + 1, kBuiltFor.size() - 1, sbin + "/");
    return text;
}

std::string NodeRules::installed() const {
    const auto text = node_.read(std::string(kFolder) + "/" + kFile, kLimit);
    return text && text->starts_with(kMark) ? *text : "";
}

Result<void> NodeRules::install(const std::string& text) const {
    auto folder = node_.make_folder(kFolder);
    if (!folder) return nsutil::propagate(folder);
    const auto ours = installed();
    if (ours == text) return {};
    struct stat about = {};
    // request-key reads names that end in .conf: the one set aside is none of them.
    if (ours.empty() && ::fstatat(folder->get(), kFile, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        ::renameat2(folder->get(), kFile, folder->get(), kSetAside, RENAME_NOREPLACE) != 0)
        return nsutil::fail_errno(std::string(kFolder) + "/" + kSetAside);
    auto done = replace_file(folder->get(), kFile, text, 0644);
    if (!done && ours.empty()) (void)::renameat(folder->get(), kSetAside, folder->get(), kFile);
    return done;
}

Result<void> NodeRules::remove() const {
    if (installed().empty()) return {};
    auto folder = node_.open_at(kFolder, O_RDONLY | O_DIRECTORY);
    if (!folder) return nsutil::propagate(folder);
    // One rename where there is something to bring back, so that no request falls into a gap.
    if (::renameat(folder->get(), kSetAside, folder->get(), kFile) != 0 &&
        (errno != ENOENT || ::unlinkat(folder->get(), kFile, 0) != 0))
        return nsutil::fail_errno(std::string(kFolder) + "/" + kFile);
    (void)::fsync(folder->get());
    return {};
}

}  // namespace nsupcall::admin
