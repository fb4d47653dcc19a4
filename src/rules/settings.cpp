#include "rules/settings.hpp"

#include <array>

namespace nsupcall {

std::string_view source_name(Source source) {
    static constexpr std::array<std::string_view, kSourceKinds> kNames = {
        "environment", "session", "rule",        "default", "tmp",
        "run-user",    "csi",     "host-ccache", "keytab",  "gssproxy"};
    const auto index = static_cast<std::size_t>(source);
    return index < kNames.size() ? kNames[index] : "unknown";
}

}  // namespace nsupcall
