#include "admin/node_config.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "nsutil/bounded_read.hpp"
#include "rules/checker.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::Result;

bool is_ours(const std::string& name) {
    return name.starts_with(NodeConfig::kPrefix) && name.ends_with(".conf");
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
    std::vector<std::string> names;
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(folder, failed))
        names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
}

}  // namespace

Result<void> NodeConfig::install(const std::string& folder) const {
    std::vector<File> wanted;
    for (const auto& name : names_in(folder)) {
        // A ConfigMap's folder also holds `..data`, a link.
        if (name.starts_with('.') || !name.ends_with(".conf")) continue;
        if (wanted.size() == kFilesMost) return nsutil::fail(EFBIG, folder + " holds too many files");
        auto path = folder;
        path.append("/").append(name);
        auto content = nsutil::read_file_at(AT_FDCWD, path.c_str(), kFileBytesMost);
        if (!content) return nsutil::propagate(content, path);
        wanted.push_back({kPrefix + name, std::move(*content)});
    }
    if (auto good = check(wanted); !good) return good;
    return replace(wanted);
}

// As the helpers will read them: in a folder that is root's alone, which a ConfigMap's is not.
Result<void> NodeConfig::check(const std::vector<File>& wanted) const {
    constexpr const char* kScratch = "checked.conf";
    if (wanted.empty()) return {};
    auto folder = node_.make_folder(scratch_ + "/" + kScratch + ".d");
    auto above = node_.open_at(scratch_, O_RDONLY | O_DIRECTORY);
    if (!folder || !above) return nsutil::propagate(folder ? above : folder);
    Result<void> done;
    for (const auto& file : wanted)
        if (done) done = replace_file(folder->get(), file.name, file.content, 0644);
    if (done) {
        const auto findings =
            RuleSet::load("/proc/self/fd/" + std::to_string(above->get()) + "/" + kScratch).findings();
        if (!findings.empty()) {
            const auto text = describe(findings.front());
            done = nsutil::fail(EINVAL, "rules: " + text.substr(text.rfind('/') + 1));
        }
    }
    for (const auto& file : wanted) (void)::unlinkat(folder->get(), file.name.c_str(), 0);
    (void)::unlinkat(above->get(), (std::string(kScratch) + ".d").c_str(), AT_REMOVEDIR);
    return done;
}

Result<void> NodeConfig::remove() const {
    return replace({});
}

Result<void> NodeConfig::replace(const std::vector<File>& wanted) const {
    if (wanted.empty() && !node_.has(kFolder)) return {};
    auto folder = node_.make_folder(kFolder);
    if (!folder) return nsutil::propagate(folder);
    for (const auto& file : wanted)
        if (auto done = replace_file(folder->get(), file.name, file.content, 0644); !done)
            return nsutil::propagate(done, kFolder);
    // The new ones first: a request in between sees more rules, never fewer.
    for (const auto& name : names_in("/proc/self/fd/" + std::to_string(folder->get()))) {
        const bool stays = std::ranges::any_of(wanted, [&](const File& file) { return file.name == name; });
        if (is_ours(name) && !stays && ::unlinkat(folder->get(), name.c_str(), 0) != 0)
            return nsutil::fail_errno(name);
    }
    // An empty folder says nothing, and may be one that was made here.
    if (wanted.empty())
        if (const auto above = node_.open_at("/etc", O_PATH | O_DIRECTORY))
            (void)::unlinkat(above->get(), std::filesystem::path(kFolder).filename().c_str(), AT_REMOVEDIR);
    return {};
}

}  // namespace nsupcall::admin
