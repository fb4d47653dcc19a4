#include "support/leftovers.hpp"

#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <set>

namespace nsupcall::test {
namespace {

std::set<std::string>& descriptions() {
    static std::set<std::string> all;
    return all;
}

bool is_ours(const std::string& line) {
    for (const auto& description : descriptions()) {
        const auto at = line.find(description);
        if (at == std::string::npos) continue;
        // Whole words only: another description may begin the same way.
        const auto end = at + description.size();
        if (line[at - 1] == ' ' && (end == line.size() || line[end] == ':' || line[end] == '\n')) return true;
    }
    return false;
}

}  // namespace

void remember_description(const std::string& description) {
    descriptions().insert(description);
}

std::vector<std::string> keys_under_construction(int patience_ms) {
    for (;;) {
        std::vector<std::string> found;
        std::ifstream keys("/proc/keys");
        for (std::string line; std::getline(keys, line);) {
            // "1af80d3c ---QU--     3 perm 3f010000 ...": serial, then the flags.
            const auto flags = line.find(' ') + 1;
            if (line.size() > flags + 7 && line.substr(flags, 7).find('U') != std::string::npos &&
                is_ours(line)) {
                found.push_back(line);
            }
        }
        if (found.empty() || patience_ms <= 0) return found;
        ::usleep(5000);
        patience_ms -= 5;
    }
}

std::set<std::uint32_t> remaining_keys(std::set<std::uint32_t> serials, int patience_ms) {
    for (; !serials.empty(); patience_ms -= 2) {
        std::set<std::uint32_t> seen;
        std::ifstream keys("/proc/keys");
        for (std::string line; std::getline(keys, line);)
            seen.insert(static_cast<std::uint32_t>(std::strtoul(line.c_str(), nullptr, 16)));
        std::erase_if(serials, [&](std::uint32_t serial) { return !seen.contains(serial); });
        if (patience_ms <= 0) break;
        if (!serials.empty()) ::usleep(2000);
    }
    return serials;
}

}  // namespace nsupcall::test
