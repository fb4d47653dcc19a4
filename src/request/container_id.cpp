#include "request/container_id.hpp"

namespace nsupcall {
namespace {

constexpr std::size_t kDigits = 64;

bool is_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/// The first run of exactly kDigits digits.
std::string_view find_id(std::string_view path) {
    for (std::size_t at = 0; at < path.size();) {
        if (!is_digit(path[at])) {
            ++at;
            continue;
        }
        std::size_t end = at;
        while (end < path.size() && is_digit(path[end])) ++end;
        if (end - at == kDigits) return path.substr(at, kDigits);
        at = end;
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
        if (const auto id = find_id(line); !id.empty()) return std::string(id);
    }
    return {};
}

}  // namespace nsupcall
