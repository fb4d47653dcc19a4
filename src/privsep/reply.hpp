#pragma once
/// @file
/// The one message that a worker sends. The broker reads it as hostile.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// How the worker came to its end.
enum class WorkerEnd : std::uint32_t {
    answered,        ///< its own words
    out_of_time,     ///< it noticed that the deadline is near
    forbidden_call,  ///< it made a system call that nothing in it should ever make
};

/// The highest errno that a key can be rejected with: KEYCTL_REJECT takes less than MAX_ERRNO.
/// @source Linux security/keys/keyctl.c (keyctl_reject_key)
inline constexpr std::int32_t kReplyErrnoMost = 4094;

/// A token, a payload, or the reason why there is none.
struct Reply {
    WorkerEnd end = WorkerEnd::answered;
    std::int32_t code = 0;             ///< 0: a token or a payload; else the errno for the key
    std::uint32_t forbidden_call = 0;  ///< number of the system call, for WorkerEnd::forbidden_call
    std::string message;               ///< what failed; empty with a token
    nsutil::SecretBytes session_key;
    std::vector<std::byte> token;
    nsutil::SecretBytes payload;  ///< the whole answer of a job that makes no token
    nsutil::SecretBytes
        tickets;  ///< beside a token: what to keep for the next request of the same place; or empty
    std::int64_t tickets_expire = 0;
    std::string client, server;  ///< principals
    std::int64_t expires = 0;    ///< end of the service ticket or of the answer, Unix time; 0 unknown
    Trace trace;
    /// The broker's own finding, never sent: the worker crashed, was killed, or did what no worker does.
    bool worker_lost = false;
};

/// Where a signal handler finds the fields that it changes in a message that was made ahead.
struct ReplyHead {
    std::uint32_t magic;
    std::uint32_t end;
    std::int32_t code;
    std::uint32_t forbidden_call;
};
inline constexpr std::uint32_t kReplyMagic = 0x6e737570;

/// Bytes of the longest payload.
inline constexpr std::size_t kPayloadLimit = 16 * 1024;
/// Bytes of the tickets that may be kept.
inline constexpr std::size_t kTicketsLimit = 64 * 1024;
/// Bytes of the longest message: a token, a key, a payload, and 64 candidates with all their texts cut to
/// their limits. Tickets go along only as far as there is room.
inline constexpr std::size_t kReplyLimit = 192 * 1024;
inline constexpr std::size_t kReplyTextLimit = 448;  ///< bytes of one text; longer ones are cut when encoded

/// Numbers in the machine's byte order, every text and byte string behind its 32-bit length.
[[nodiscard]] nsutil::SecretBytes encode_reply(const Reply& reply);

/// @errors EPROTO anything that encode_reply() would not have made: lengths past their limits, an
///         errno out of range, a token without a key, a token and a payload, bytes left over, ...
[[nodiscard]] nsutil::Result<Reply> decode_reply(std::span<const std::byte> message);

}  // namespace nsupcall
