#include "request/key_description.hpp"
#include "fuzz_target.hpp"
#include "request/origin.hpp"

NSUPCALL_FUZZ_TARGET(key_description) {
    using nsupcall::fuzz::require;
    const auto key = nsupcall::KeyDescription::parse(input.text());
    if (!key) return;
    require(key->type.find(';') == std::string::npos);
    require(input.text().ends_with(key->description));
    const auto origin = nsupcall::verify_spnego_origin(*key, input.text());
    require(!origin);  // no text is both a cifs.spnego key and the kernel's keyring
}
