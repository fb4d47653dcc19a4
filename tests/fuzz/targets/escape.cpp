#include "fuzz_target.hpp"
#include "trace/trace.hpp"

NSUPCALL_FUZZ_TARGET(escape) {
    using nsupcall::fuzz::require;
    const auto limit = input.take_byte();
    const auto text = nsupcall::escape(input.text(), limit);
    require(text.size() <= limit + 3);
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        require(byte >= ' ' && byte != 0x7f && c != '"');
    }
    // No control sequence introducer, no change of direction; what is no UTF-8 does not come through.
    require(text.find("\xc2\x9b") == std::string::npos && text.find("\xe2\x80\xae") == std::string::npos);
    const auto whole = nsupcall::escape(input.text(), 4 * input.bytes.size());
    require(!whole.ends_with("...") || input.text().ends_with("..."));
}
