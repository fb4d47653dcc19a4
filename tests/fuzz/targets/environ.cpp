#include "fuzz_target.hpp"
#include "nsutil/proc_text.hpp"

NSUPCALL_FUZZ_TARGET(environ) {
    using nsupcall::fuzz::require;
    const auto value = nsutil::find_in_environ(input.text(), "KRB5CCNAME");
    if (!value) return;
    require(value->find('\0') == std::string_view::npos);
    // It begins an entry of its own.
    const auto at = static_cast<std::size_t>(value->data() - input.text().data());
    constexpr std::size_t kName = 11;  // "KRB5CCNAME="
    require(at >= kName && input.text().substr(at - kName, kName) == "KRB5CCNAME=");
    require(at == kName || input.text()[at - kName - 1] == '\0');
}
