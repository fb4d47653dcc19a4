#include "request/container_id.hpp"

#include <algorithm>
#include <array>

namespace nsupcall {
namespace {

constexpr std::size_t kDigits = 64;

bool is_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// A run of exactly kDigits digits.
std::string_view find_id(std::string_view name) {
    for (std::size_t at = 0; at < name.size();) {
        if (!is_digit(name[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < name.size() && is_digit(name[end])) ++end;
        if (end - at == kDigits) return name.substr(at, kDigits);
        at = end;
    }
    return {};
}

/// The group of a pod of podman, which its containers' groups are below.
bool is_pod(std::string_view name, std::string_view parent) {
    return name.find("libpod_pod_") != std::string_view::npos ||
           (parent == "libpod_parent" && name.size() == kDigits);
}

/// Takes the text up to the separator, or all of it, from the front of `text`.
std::string_view take(std::string_view& text, char separator) {
    const auto end = text.find(separator);
    const auto taken = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    return taken;
}

/// The id in the first name of the path that has one.
std::string_view id_of_path(std::string_view path) {
    std::string_view parent;
    while (!path.empty()) {
        const auto name = take(path, '/');
        if (const auto id = find_id(name); !id.empty() && !is_pod(name, parent)) return id;
        if (!name.empty()) parent = name;
    }
    return {};
}

/// The name that follows one which ends with "containers", if it is an id.
std::string_view id_of_folder(std::string_view path) {
    std::string_view parent;
    while (!path.empty()) {
        const auto name = take(path, '/');
        if (name.size() == kDigits && std::ranges::all_of(name, is_digit) && parent.ends_with("containers"))
            return name;
        parent = name;
    }
    return {};
}

}  // namespace

std::string container_id_of_mounts(std::string_view mountinfo) {
    static constexpr std::array<std::string_view, 4> kFiles = {"/etc/hosts", "/etc/hostname",
                                                               "/etc/resolv.conf", "/run/.containerenv"};
    while (!mountinfo.empty()) {
        auto line = take(mountinfo, '\n');
        for (int field = 0; field < 3; ++field) (void)take(line, ' ');
        const auto root = take(line, ' ');
        const auto mount_point = take(line, ' ');
        if (std::ranges::find(kFiles, mount_point) == kFiles.end()) continue;
        if (const auto id = id_of_folder(root); !id.empty()) return std::string(id);
    }
    return {};
}

std::string container_id_of(std::string_view cgroup_text) {
    while (!cgroup_text.empty()) {
        auto line = take(cgroup_text, '\n');
        // A controller's name may hold digits too: only the path counts.
        for (int colons = 0; colons < 2; ++colons) (void)take(line, ':');
        if (const auto id = id_of_path(line); !id.empty()) return std::string(id);
    }
    return {};
}

}  // namespace nsupcall
