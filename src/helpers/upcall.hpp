#pragma once
/// @file
/// The front end for request-key: a key id in, an answer on the key out.

#include "helpers/key_call.hpp"
#include "helpers/options.hpp"
#include "nsutil/deadline.hpp"

namespace nsupcall {

/// Answers one key: with a payload, or with an errno. Logs one record.
/// @return the exit status: 0 instantiated, 1 rejected, 2 nobody could be answered
int answer_key(const HelperOptions& options, const nsutil::Deadline& deadline);

/// Answers a command line: a key, or a call by hand.
/// @return the exit status: that of answer_key(), or 0 printed, 1 no answer
int answer(const HelperOptions& options, const nsutil::Deadline& deadline);

/// Rejects `key` (where it is one) for a wrong command line, and says so.
/// @return kExitUsage
int answer_usage_error(KeySerial key, const nsutil::Error& error);

}  // namespace nsupcall
