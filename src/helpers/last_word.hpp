#pragma once
/// @file
/// An answer on the key even where this process fails.

#include "keys/key_service.hpp"
#include "nsutil/deadline.hpp"

namespace nsupcall {

/// How a process speaks when it can do nothing else. Both are called from signal handlers.
struct LastWord {
    /// Rejects the key; 0 as the code where it could still be answered by another process.
    void (*reject)(int code) = nullptr;
    /// Told once, after a fifth of a second: the answer takes its time. May be null.
    void (*takes_time)(int remaining_ms) = nullptr;
    bool hand_over_on_request = false;  ///< a request to end is told to reject() as 0
};

/// Arms the last line of defence: whatever ends this process early, short of SIGKILL, rejects the key first.
///
/// A hang (a timer, half a second after the deadline) rejects it with ETIMEDOUT, a crash or an exception that
/// nobody caught with EKEYREJECTED, a request to end (SIGTERM, SIGHUP, SIGINT) with ECANCELED. The process
/// then ends with status 1, and never leaves a core file. A forked child disarms all of it by
/// EmergencyReply::arm().
///
/// @param key  looked at when it happens; 0 means that there is no key yet. It outlives everything
void arm_last_word(const KeySerial& key, const nsutil::Deadline& deadline);

/// The same for a process that has no authority over the key.
void arm_last_word(const LastWord& word, const nsutil::Deadline& deadline);

/// There is no key to be answered any more: whatever ends this process now only ends it.
void disarm_last_word();

}  // namespace nsupcall
