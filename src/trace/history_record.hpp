#pragma once
/// @file
/// What is kept of one upcall for the administrator: who asked, where, what was tried, what came of it.

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// The task that the kernel acted for.
struct HistoryRequester {
    pid_t tid = 0;  ///< 0: it was never found; then the rest is empty
    pid_t tgid = 0;
    std::uint32_t uid = 0;
    std::string comm;       ///< of its own choosing
    std::string container;  ///< id, a label; empty for none
    /// Inode numbers; 0 for the host's own and for a kernel thread's.
    std::uint64_t mount_namespace = 0, net_namespace = 0, user_namespace = 0, pid_namespace = 0;
    bool kernel_thread = false;
    friend bool operator==(const HistoryRequester&, const HistoryRequester&) = default;
};

/// One answered or refused upcall. Holds no secret. Texts are as they came: escape before showing.
struct HistoryRecord {
    std::uint64_t sequence = 0;     ///< counts up by one from 1; given by the ring
    std::int64_t time_us = 0;       ///< wall clock when it was answered, microseconds of Unix time
    std::uint64_t duration_us = 0;  ///< from the helper's start to the answer on the key
    std::string program;            ///< "cifs.upcall" or "cifs.idmap"
    std::string call;               ///< key type, or call type: "cifs.spnego", "uid.sids"
    std::string description;        ///< the key's, where it was read
    std::int32_t code = 0;          ///< 0 answered, else the errno on the key
    std::string message;            ///< why it was refused
    bool forged = false;            ///< refused for not being the kernel's own
    std::string host, address, user;
    std::uint32_t creduid = 0;  ///< whose credentials were asked for; of other calls the key's owner
    HistoryRequester requester;
    std::string whose;               ///< "requester", "host", ...: whose namespaces were used; empty for none
    std::string place_container;     ///< id of the container that they belong to
    std::vector<std::string> notes;  ///< what else was said about the place
    std::string rule;                ///< name of the rule that matched
    std::string principal, server;   ///< whom the answer is for, and the service
    std::int64_t expires = 0;        ///< end of the ticket or of the answer, Unix time; 0 unknown
    std::string answer;              ///< an answer in words where it is no secret: addresses, an id
    Trace trace;                     ///< what was looked at; what was left out counts as dropped
    friend bool operator==(const HistoryRecord&, const HistoryRecord&) = default;
};

/// Bytes of an encoded record; it fits whatever it holds.
inline constexpr std::size_t kHistoryRecordLimit = 8 * 1024 - 32;

/// Numbers in the machine's byte order, texts behind their lengths. Texts past their limits are cut, with
/// "..." behind; candidates that do not fit are counted as dropped, the one that was used last of all.
[[nodiscard]] std::vector<std::byte> encode_history(const HistoryRecord& record);

/// @errors EPROTO anything that encode_history() would not have made
[[nodiscard]] nsutil::Result<HistoryRecord> decode_history(std::span<const std::byte> bytes);

}  // namespace nsupcall
