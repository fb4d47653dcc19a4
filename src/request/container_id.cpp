#include "request/container_id.hpp"

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

/// The id in the first name of the path that has one.
std::string_view id_of_path(std::string_view path) {
    std::string_view parent;
    while (!path.empty()) {
        const auto end = path.find('/');
        const auto name = path.substr(0, end);
        path = end == std::string_view::npos ? std::string_view{} : path.substr(end + 1);
        if (const auto id = find_id(name); !id.empty() && !is_pod(name, parent)) return id;
        if (!name.empty()) parent = name;
    }
    return {};
}

}  // namespace

std::string container_id_of(std::string_view cgroup_text) {
    while (!cgroup_text.empty()) {
        const auto end = cgroup_text.find('\n');
        auto line = cgroup_text.substr(0, end);
        cgroup_text = end == std::string_view::npos ? std::string_view{} : cgroup_text.substr(end + 1);
        // A controller's name may hold digits too: only the path counts.
        for (int colons = 0; colons < 2; ++colons) {
            const auto colon = line.find(':');
            line = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
        }
        if (const auto id = id_of_path(line); !id.empty()) return std::string(id);
    }
    return {};
}

}  // namespace nsupcall
