#include "trace/history.hpp"

#include <algorithm>

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(history) {
    using nsupcall::fuzz::require;
    const auto slot = nsupcall::decode_history_slot(input.bytes);
    require(slot || slot.error().code == EPROTO || slot.error().code == ENODATA);
    const auto record = nsupcall::decode_history(input.bytes);
    if (!record) {
        require(record.error().code == EPROTO);
        return;
    }
    // One encoding only, and within the limit.
    const auto again = nsupcall::encode_history(*record);
    require(again.size() <= nsupcall::kHistoryRecordLimit);
    require(std::ranges::equal(again, input.bytes));
}
