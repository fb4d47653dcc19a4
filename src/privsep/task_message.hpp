#pragma once
/// @file
/// The one message that a ready worker is sent: its task, in plain values and descriptors.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"
#include "nsutil/unique_fd.hpp"
#include "privsep/worker.hpp"

namespace nsupcall {

/// Bytes of the longest message; a task that needs more is given to a worker that is forked for it.
inline constexpr std::size_t kTaskMessageLimit = 128 * 1024;

/// What ps(1) shall show of a worker.
struct WorkerTitle {
    std::string name, word;
};

/// A task on its way, with the descriptors that go along. These are borrowed.
struct TaskMessage {
    nsutil::SecretBytes bytes;
    std::vector<int> descriptors;
};

/// @errors ENOTSUP the task needs what only a fork carries over (a profile, keytabs and ccaches in this
/// process'
///         memory, an examiner, gssproxy's library), or is longer than a message
[[nodiscard]] nsutil::Result<TaskMessage> encode_task(const WorkerTask& task, const WorkerTitle& title,
                                                      const nsutil::Deadline& deadline);

/// A task that has arrived.
struct ReceivedTask {
    std::unique_ptr<nsutil::NamespaceSet> namespaces;
    nsutil::UniqueFd environ_dir;
    WorkerTitle title;
    nsutil::Deadline deadline;
    WorkerTask task;  ///< refers to the members above
};

/// The sender is the worker's own broker, and trusted. Checked all the same: a worker never acts on half a
/// task.
/// @errors EPROTO anything that encode_task() would not have made
[[nodiscard]] nsutil::Result<ReceivedTask> decode_task(std::span<const std::byte> message,
                                                       std::vector<nsutil::UniqueFd> descriptors);

}  // namespace nsupcall
