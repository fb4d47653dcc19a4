#include "nsutil/result.hpp"

#include <cstring>

namespace nsutil {

std::string errno_name(int code) {
    if (const char* name = ::strerrorname_np(code)) return name;
    return "errno " + std::to_string(code);
}

std::string Error::text() const {
    if (native == 0) return what;
    // Only errno has words that cost no library; the others put theirs into `what` where they fail.
    if (domain != ErrorDomain::errno_) return what + " (" + std::to_string(native) + ")";
    const char* words = ::strerrordesc_np(static_cast<int>(native));
    return words == nullptr ? what : what + ": " + words;
}

}  // namespace nsutil
