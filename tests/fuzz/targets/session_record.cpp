#include "session/session_record.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(session_record) {
    using nsupcall::fuzz::require;
    const auto record = nsupcall::parse_session(input.text());
    if (!record) return;
    // What was read can be written, and is the same when read again.
    const auto text = nsupcall::print_session(*record);
    const auto again = nsupcall::parse_session(text);
    require(again.has_value() || text.size() > nsupcall::kSessionTextLimit);
    require(!again || *again == *record);
}
