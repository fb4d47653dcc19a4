#include "admin/mount_behind.hpp"

#include <algorithm>

namespace nsupcall::admin {
namespace {

std::string join(std::string_view folder, std::string_view rest) {
    while (rest.starts_with('/')) rest.remove_prefix(1);
    if (rest.empty()) return std::string(folder);
    std::string path(folder);
    if (!path.ends_with('/')) path += '/';
    return path.append(rest);
}

std::string host_path_of(const nsutil::Mount& mount, const nsutil::MountTable& host) {
    const nsutil::Mount* best = nullptr;
    for (const auto& one : host.mounts())
        if (one.device == mount.device && is_below(mount.root.native(), one.root.native()) &&
            (best == nullptr || one.root.size() > best->root.size()))
            best = &one;
    if (best == nullptr) return {};
    const auto& root = best->root.native();
    return join(best->target.native(),
                std::string_view(mount.root.native()).substr(root == "/" ? 0 : root.size()));
}

}  // namespace

bool is_below(std::string_view path, std::string_view folder) {
    if (folder == "/") return path.starts_with('/');
    return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

std::string volume_of(std::string_view host_path) {
    constexpr std::string_view kVolumes = "/volumes/", kKubernetes = "kubernetes.io~";
    const auto at = host_path.rfind(kVolumes);
    if (at == std::string_view::npos) return {};
    auto rest = host_path.substr(at + kVolumes.size());
    const auto next = [&rest] {
        const auto part = rest.substr(0, rest.find('/'));
        rest.remove_prefix(std::min(rest.size(), part.size() + 1));
        return part;
    };
    const auto first = next();
    const auto second = next();
    if (first.starts_with(kKubernetes) && !second.empty())
        return std::string(first.substr(kKubernetes.size())).append(" ").append(second);
    if (second == "_data" && !first.empty()) return std::string("volume ").append(first);
    return {};
}

std::optional<MountBehind> mount_behind(const nsutil::MountTable& inside, const nsutil::MountTable& host,
                                        std::uint64_t mount_id) {
    const auto found = std::ranges::find_if(inside.mounts(), [&](const nsutil::Mount& mount) {
        return mount_id != 0 && static_cast<std::uint64_t>(mount.id) == mount_id;
    });
    if (found == inside.mounts().end()) return std::nullopt;
    MountBehind behind{found->target.native(), found->type, found->source, {}, {}};
    if (&inside != &host) behind.host_path = host_path_of(*found, host);
    behind.volume = volume_of(behind.host_path);
    if (behind.volume.empty()) behind.volume = volume_of(found->root.native());
    return behind;
}

}  // namespace nsupcall::admin
