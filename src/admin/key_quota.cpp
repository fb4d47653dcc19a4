#include "admin/key_quota.hpp"

#include <cstdio>
#include <sstream>
#include <string>

namespace nsupcall::admin {

std::vector<KeyQuota> parse_key_users(std::string_view text) {
    std::vector<KeyQuota> users;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        unsigned uid = 0, usage = 0, keys = 0, instantiated = 0, counted = 0, most = 0, bytes = 0,
                 bytes_most = 0;
        // The kernel's own text, and all eight must be there.
        // NOLINTNEXTLINE(cert-err34-c)
        if (std::sscanf(line.c_str(), "%u: %u %u/%u %u/%u %u/%u", &uid, &usage, &keys, &instantiated,
                        &counted, &most, &bytes, &bytes_most) == 8)
            users.push_back({uid, counted, most, bytes, bytes_most});
    }
    return users;
}

}  // namespace nsupcall::admin
