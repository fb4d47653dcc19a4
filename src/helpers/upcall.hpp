#pragma once
/// @file
/// The front end for request-key: a key id in, an answer on the key out.

#include "helpers/key_call.hpp"
#include "helpers/options.hpp"
#include "nsutil/deadline.hpp"
#include "request/key_description.hpp"

namespace nsupcall {

/// @errors EINVAL no description of a key, or a test type on a key that is not a test's; those of the key
[[nodiscard]] nsutil::Result<KeyDescription> describe_pending(const HelperOptions& options,
                                                              const PendingKey& key);

/// Whether this is a request for a SPNEGO token, and not for a name, an id or a password.
[[nodiscard]] bool asks_for_token(const HelperOptions& options, const KeyDescription& description);

/// How the answer to a request for a token ended.
struct SpnegoEnd {
    int status = 0;            ///< kExitAnswered, kExitRejected, kExitNobody
    bool worker_lost = false;  ///< the worker crashed, was killed, or did what no worker does
    bool declined = false;     ///< nothing was done: another process must answer
};

/// Answers a request for a SPNEGO token, whoever holds the authority over the key. Logs one record.
/// @param description  what describe_pending() said
[[nodiscard]] SpnegoEnd answer_spnego_key(const HelperOptions& options, const PendingKey& key,
                                          nsutil::Result<KeyDescription> description,
                                          const nsutil::Deadline& deadline);

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
