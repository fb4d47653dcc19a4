#include "spnego/neg_token_init.hpp"

#include "fuzz_target.hpp"
#include "support/neg_token.hpp"

/// The encoder against a decoder that was written apart from it; and that decoder against anything.
NSUPCALL_FUZZ_TARGET(neg_token_init) {
    using nsupcall::Security;
    using nsupcall::fuzz::require;
    (void)nsupcall::test::parse_neg_token_init(input.text());
    for (const auto security : {Security::krb5, Security::mskrb5}) {
        const auto token = nsupcall::wrap_in_neg_token_init(input.bytes, security);
        const auto parsed =
            nsupcall::test::parse_neg_token_init({reinterpret_cast<const char*>(token.data()), token.size()});
        require(parsed.has_value());
        require(parsed->mech_types.size() == (security == Security::mskrb5 ? 2 : 1));
        require(parsed->mech_types.back() == nsupcall::test::kOidKrb5);
        require(parsed->mech_token.ends_with(input.text()));
    }
}
