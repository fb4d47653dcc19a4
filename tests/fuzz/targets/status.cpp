#include "fuzz_target.hpp"
#include "nsutil/proc_text.hpp"

NSUPCALL_FUZZ_TARGET(status) {
    const auto status = nsutil::parse_status(input.text());
    if (status) nsupcall::fuzz::require(status->tgid >= 0 && status->groups.size() <= nsutil::kGroupsMost);
}
