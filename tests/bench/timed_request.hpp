#pragma once
/// @file
/// One request to the kernel, timed where its requester waits.

#include <string>

#include "bench/question.hpp"

namespace nsupcall::bench {

/// What one request_key(2) brought, and when.
struct TimedAnswer {
    double microseconds = 0;  ///< from the call to its return, as the file system operation would wait
    int error = 0;            ///< errno; 0 where there is a key
    std::string payload{};    ///< of the key
};

/// Asks for a key and forgets it at once, so that the next request asks anew. Uses the caller's thread
/// keyring; call from one thread only.
[[nodiscard]] TimedAnswer timed_request(const Question& question);

}  // namespace nsupcall::bench
