#pragma once
/// @file
/// A worker that was forked before there is a request, and waits for its task.

#include <chrono>
#include <optional>

#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "privsep/task_message.hpp"
#include "privsep/worker.hpp"
#include "privsep/worker_socket.hpp"

namespace nsupcall {

/// The broker's side.
///
/// The worker has done what needs to know nobody: it is tied to the process that forked it and undumpable,
/// holds no key and no descriptor but its channel and its own status, and has rehearsed the making of a
/// token. It is root in the host's namespaces still, as its broker is, and has read nothing but its channel.
/// With its task it goes the same way as any worker. The broker has not forked it: whatever that knows of
/// former requests, the worker has never held.
class ReadyWorker {
  public:
    /// How long a broker waits for a worker to be free.
    static constexpr auto kPatience = std::chrono::milliseconds(500);

    /// Waits for one that waits, and keeps it.
    /// @errors ETIMEDOUT there is none in time; EPROTO it does not say who it is; those of
    /// WorkerSocket::connect()
    [[nodiscard]] static nsutil::Result<ReadyWorker> meet(const WorkerSocket& socket,
                                                          std::chrono::milliseconds patience = kPatience);

    /// Gives it the one task that it takes.
    /// @return the worker, at work; nothing where it has a task already, is gone, or cannot be given this one
    [[nodiscard]] std::optional<nsutil::Child> give(const WorkerTask& task, const WorkerTitle& title,
                                                    const nsutil::Deadline& deadline);

    [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }

  private:
    explicit ReadyWorker(nsutil::Child child) : child_(std::move(child)) {}
    std::optional<nsutil::Child> child_;
};

/// Where a broker that forks none itself gets its workers.
class WorkerSource {
  public:
    WorkerSource() = default;
    WorkerSource(const WorkerSource&) = delete;
    WorkerSource& operator=(const WorkerSource&) = delete;
    virtual ~WorkerSource() = default;
    /// @return a worker at work; nothing where there is none, or it cannot be given this task
    [[nodiscard]] virtual std::optional<nsutil::Child> give(const WorkerTask& task,
                                                            const nsutil::Deadline& deadline) = 0;
    /// Whether there is still the process that forks them, with which they all end.
    [[nodiscard]] virtual bool lives() const = 0;
};

/// What the process that forks workers is given.
struct NurseryPost {
    /// How a worker shows what it works on; may be null.
    void (*show)(const WorkerTitle& title) = nullptr;
    int listen_fd = -1;   ///< brokers connect to it
    int command_fd = -1;  ///< a pipe: each byte, a NurseryCommand, asks for a worker
    int told_fd = -1;     ///< a pipe: gets a worker's process id once a broker has met it; 0: it could not be forked
    pid_t parent = 0;     ///< of the nursery, and of all its workers
};

/// Whether the worker rehearses; not worth the time where a request waits already.
enum class NurseryCommand : char { rehearsed = 'r', at_once = 'o' };

/// Does once what is the same for all workers (the first half of the boundary's seccomp programs above all),
/// then forks one for each command, as a child of its own parent; until that has gone or kills it. A worker
/// prepares the rest, waits for a broker, and works.
/// @return the exit status; of a worker 0 where a reply was sent, or where no task came
int run_nursery(const NurseryPost& post);

}  // namespace nsupcall
