#include "privsep/findings.hpp"

#include <algorithm>

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(findings) {
    using nsupcall::fuzz::require;
    const auto findings = nsupcall::decode_findings(input.bytes);
    if (!findings) {
        require(findings.error().code == EPROTO);
        return;
    }
    // One encoding only.
    require(std::ranges::equal(nsupcall::encode_findings(*findings), input.bytes));
    require(findings->code != 0 || !findings->client.empty());
}
