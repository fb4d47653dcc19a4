#pragma once
/// @file
/// The engine's end of the conversation with one front end.

#include <span>
#include <string>
#include <vector>

#include "engine/message.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::engine {

/// A question that was taken apart.
struct Question {
    std::int32_t key = 0;
    std::vector<std::string> arguments;  ///< argv[0] first
    std::string description;             ///< of the key, as keyctl_describe(2) has it
    std::uint64_t started_ns = 0;
    nsutil::UniqueFd keys;  ///< /proc/keys, as the front end sees it
};

/// Takes a datagram apart. What is right in itself is not yet known to be true.
/// @errors EPROTO no question, one of another version, or lengths that do not add up
[[nodiscard]] nsutil::Result<Question> parse_question(std::span<const char> message);

/// Receives the question, once.
/// @param own  the namespaces of this process
/// @errors EPERM it does not come from root in just these namespaces; ETIMEDOUT it does not come;
///         EPROTO as above, or no descriptor with it
[[nodiscard]] nsutil::Result<Question> receive_question(int channel_fd, const nsutil::NamespaceView& own);

/// Async-signal-safe. @return 0 or an errno: nobody listens any more
[[nodiscard]] int send_answer(int channel_fd, const Answer& answer, std::span<const std::byte> payload = {});

/// Waits for what became of the answer.
/// @return 0 or the errno with which the key was not answered; ECONNRESET the front end has gone
[[nodiscard]] int receive_outcome(int channel_fd);

}  // namespace nsupcall::engine
