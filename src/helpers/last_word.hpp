#pragma once
/// @file
/// An answer on the key even where this process fails.

#include "keys/key_service.hpp"
#include "nsutil/deadline.hpp"

namespace nsupcall {

/// Arms the last line of defence: whatever ends this process early, short of SIGKILL, rejects the key first.
///
/// A hang (a timer, half a second after the deadline) rejects it with ETIMEDOUT, a crash or an exception that
/// nobody caught with EKEYREJECTED, a request to end (SIGTERM, SIGHUP, SIGINT) with ECANCELED. The process
/// then ends with status 1. A forked child disarms all of it by EmergencyReply::arm().
///
/// @param key  looked at when it happens; 0 means that there is no key yet. It outlives everything
void arm_last_word(const KeySerial& key, const nsutil::Deadline& deadline);

}  // namespace nsupcall
