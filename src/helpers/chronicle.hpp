#pragma once
/// @file
/// From an answered upcall to its record in the history.

#include <chrono>
#include <string>

#include "helpers/call.hpp"
#include "privsep/spnego_upcall.hpp"
#include "request/spnego_request.hpp"
#include "trace/history.hpp"

namespace nsupcall {

/// Where a helper's upcalls are told of, and since when it runs.
struct Chronicle {
    History history;
    std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();

    /// Adds the record, with its times set to now. The asker has its answer already, but still waits for the
    /// helper to be gone: nothing here blocks, and a failure costs the record only.
    /// @return what went wrong, for the log; empty where nothing did
    [[nodiscard]] std::string add(HistoryRecord record) const;
};

/// @param code  what the key was answered with: 0 or the errno
[[nodiscard]] HistoryRecord history_of(const SpnegoRequest& request, const SpnegoOutcome& outcome, int code,
                                       std::string why);

[[nodiscard]] HistoryRecord history_of(const CallResult& result, int code, std::string why);

}  // namespace nsupcall
