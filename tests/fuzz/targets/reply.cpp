#include "privsep/reply.hpp"

#include <algorithm>

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(reply) {
    using nsupcall::fuzz::require;
    const auto reply = nsupcall::decode_reply(input.bytes);
    if (!reply) {
        require(reply.error().code == EPROTO);
        return;
    }
    // One encoding only, and never both an answer and an errno.
    require(std::ranges::equal(nsupcall::encode_reply(*reply), input.bytes));
    require((reply->code == 0) != (reply->token.empty() && reply->payload.empty()));
    require(reply->token.empty() == reply->session_key.empty());
    (void)reply->trace.summary(1'800'000'000);
}
