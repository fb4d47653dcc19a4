#pragma once
/// @file
/// Calls with a key: who asks, the answer on the key, one log record.

#include <optional>
#include <string>

#include "helpers/call.hpp"
#include "helpers/chronicle.hpp"
#include "keys/key_service.hpp"
#include "request/key_description.hpp"

namespace nsupcall {

inline constexpr int kExitAnswered = 0, kExitRejected = 1, kExitNobody = 2;
inline constexpr int kExitUsage = 64;  ///< EX_USAGE of sysexits.h

/// Finds out who asks for a key whose description does not say.
///
/// @param keyring         name of the thread keyring of the kernel's own requests, ".cifs_idmap" say; empty:
///                        the kernel asks for such keys as the user
/// @param thread_keyring  request-key's `%T`; nothing where the rule does not pass it: the owner alone counts
/// @errors ENOENT, EPERM as AuthKeyLine::find has them
[[nodiscard]] nsutil::Result<Asker> find_asker(const KeyUnderConstruction& key,
                                               const KeyDescription& description, std::string_view keyring,
                                               std::optional<KeySerial> thread_keyring);

/// One record for what is wrong with the configuration; none where nothing is.
void log_config_problems(std::string_view program, const std::vector<std::string>& problems);

/// What is told of a call besides its result.
struct CallStory {
    std::string_view program;
    std::string_view call;         ///< call type or key type
    std::string_view description;  ///< the key's
    std::uint32_t key_uid = 0;     ///< the key's owner
};

/// Puts the result on the key, adds it to the history and writes one log record.
/// @return kExitAnswered, kExitRejected, or kExitNobody where the key could not be answered at all
int finish_call(const KeyUnderConstruction& key, const CallResult& result, const CallStory& story,
                const Chronicle& chronicle);

/// Prints the result of a call by hand: the answer on standard output, or why there is none on standard
/// error.
/// @param json  one line of JSON on standard output instead, either way
/// @return kExitAnswered or kExitRejected
int print_call(const CallResult& result, std::string_view program, std::string_view call,
               const std::string& argument, bool json);

}  // namespace nsupcall
