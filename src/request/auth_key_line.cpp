#include "request/auth_key_line.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "nsutil/proc_text.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::parse_number;

constexpr std::uint32_t kSerialMost = 0x7fffffffU;

/// Takes the next word, parted by blanks, off the front of `line`.
std::string_view next_word(std::string_view& line) {
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    const auto word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

/// Takes `prefix` and the number behind it, which ends at a blank or at the end of the line.
std::optional<std::uint32_t> next_field(std::string_view& line, std::string_view prefix, int base) {
    auto word = next_word(line);
    if (!word.starts_with(prefix)) return std::nullopt;
    return parse_number<std::uint32_t>(word.substr(prefix.size()), base);
}

std::optional<AuthKeyLine> parse_line(std::string_view line) {
    const auto serial = next_field(line, "", 16);
    if (!serial || *serial == 0 || *serial > kSerialMost) return std::nullopt;
    for (int skipped = 0; skipped < 4; ++skipped)  // flags, usage, timeout, permissions
        if (next_word(line).empty()) return std::nullopt;
    const auto uid = next_field(line, "", 10);
    const auto gid = next_field(line, "", 10);
    if (!uid || !gid || next_word(line) != ".request_") return std::nullopt;
    const auto target = next_field(line, "key:", 16);
    const auto tid = next_field(line, "pid:", 10);
    const auto callout_size = next_field(line, "ci:", 10);
    if (!target || *target == 0 || *target > kSerialMost || !tid || *tid == 0 || *tid > kSerialMost ||
        !callout_size || !next_word(line).empty())
        return std::nullopt;
    return AuthKeyLine{static_cast<std::int32_t>(*serial), static_cast<std::int32_t>(*target),
                       static_cast<pid_t>(*tid), *uid, *callout_size};
}

}  // namespace

nsutil::Result<AuthKeyLine> AuthKeyLine::find(std::string_view proc_keys, std::int32_t target) {
    if (proc_keys.size() > kTextLimit) return fail(EINVAL, "/proc/keys is too long");
    std::optional<AuthKeyLine> found;
    while (!proc_keys.empty()) {
        const auto line = proc_keys.substr(0, proc_keys.find('\n'));
        proc_keys.remove_prefix(std::min(line.size() + 1, proc_keys.size()));
        const auto parsed = parse_line(line);
        if (!parsed || parsed->target != target) continue;
        if (found) return fail(EPERM, "/proc/keys shows the request twice: one of the two lines is forged");
        found = parsed;
    }
    if (!found) return fail(ENOENT, "/proc/keys does not show who asks");
    return *found;
}

}  // namespace nsupcall
