#pragma once
/// @file
/// A worker that was forked before there is a request, and waits for its task.

#include <optional>

#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "privsep/task_message.hpp"
#include "privsep/worker.hpp"

namespace nsupcall {

/// The broker's side.
///
/// The worker has done what needs to know nobody: it is tied to its broker and undumpable, holds no key and
/// no descriptor but its channel and its own status, and has rehearsed the making of a token. It is root in
/// the host's namespaces still, as its broker is, and has read nothing but its channel. With its task it goes
/// the same way as any worker.
class ReadyWorker {
  public:
    /// How a worker shows what it works on.
    using Show = void (*)(const WorkerTitle& title);

    /// Forks it. To be called before the caller knows anything of a request.
    /// @param rehearsed  whether it rehearses; not worth the time where a request waits already
    /// @errors those of nsutil::Child::spawn()
    [[nodiscard]] static nsutil::Result<ReadyWorker> start(Show show, bool rehearsed = true);

    void use_title(WorkerTitle title) { title_ = std::move(title); }

    /// Gives it the one task that it takes.
    /// @return the worker, at work; nothing where it has a task already, is gone, or cannot be given this one
    [[nodiscard]] std::optional<nsutil::Child> give(const WorkerTask& task, const nsutil::Deadline& deadline);

    [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }

  private:
    explicit ReadyWorker(nsutil::Child child) : child_(std::move(child)) {}
    std::optional<nsutil::Child> child_;
    WorkerTitle title_;
};

/// The worker's side: prepares, waits, works.
/// @return the exit status, 0 where a reply was sent, or where no task came
int run_ready_worker(ReadyWorker::Show show, bool rehearsed, pid_t broker, int channel_fd);

}  // namespace nsupcall
