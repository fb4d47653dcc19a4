#include <algorithm>

#include "fuzz_target.hpp"
#include "privsep/keyring_view.hpp"

NSUPCALL_FUZZ_TARGET(keyrings) {
    using nsupcall::fuzz::require;
    const auto keyrings = nsupcall::decode_keyrings(input.bytes);
    if (!keyrings) {
        require(keyrings.error().code == EPROTO);
        return;
    }
    // One encoding only.
    require(std::ranges::equal(nsupcall::encode_keyrings(*keyrings), input.bytes));
}
