#include "request/key_description.hpp"

#include "nsutil/proc_text.hpp"

namespace nsupcall {

using nsutil::fail;
using nsutil::parse_number;

nsutil::Result<KeyDescription> KeyDescription::parse(std::string_view text) {
    if (text.size() > kTextLimit) return fail(EINVAL, "key description too long");
    std::string_view fields[4];
    for (auto& field : fields) {
        const auto end = text.find(';');
        if (end == std::string_view::npos) return fail(EINVAL, "key description with too few fields");
        field = text.substr(0, end);
        text.remove_prefix(end + 1);
    }
    const auto uid = parse_number<std::uint32_t>(fields[1]);
    const auto gid = parse_number<std::uint32_t>(fields[2]);
    const auto permissions = parse_number<std::uint32_t>(fields[3], 16);
    if (fields[0].empty() || !uid || !gid || !permissions) return fail(EINVAL, "malformed key description");
    return KeyDescription{std::string(fields[0]), *uid, *gid, *permissions, std::string(text)};
}

}  // namespace nsupcall
