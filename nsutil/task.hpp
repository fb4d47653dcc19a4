#pragma once
/// @file
/// A handle that pins one task.

#include <sys/types.h>

#include <cstddef>
#include <string>

#include "nsutil/proc_text.hpp"
#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsutil {

/// A task of the initial pid namespace, pinned by a descriptor of its /proc/<tid> directory.
///
/// The directory belongs to the kernel's `struct pid`: once the task is gone, every use fails with
/// ESRCH, also when another task has got the number. pidfd_open(2) would refuse thread ids that are
/// no thread-group leaders, which is what CIFS upcalls name.
class Task {
  public:
    /// Opens the task `tid` as the /proc of the caller shows it.
    /// @param tid  thread id (a process id is the thread id of its leader)
    /// @errors ESRCH no such task; EACCES /proc is mounted with hidepid
    [[nodiscard]] static Result<Task> open(pid_t tid);

    /// The same below another directory than /proc (another mount of procfs, or a made tree).
    [[nodiscard]] static Result<Task> open_at(int proc_dir_fd, pid_t tid);

    [[nodiscard]] pid_t tid() const noexcept { return tid_; }

    /// The /proc/<tid> directory, for `*at` calls; borrowed.
    [[nodiscard]] int dir() const noexcept { return dir_.get(); }

    /// @errors ESRCH the task is gone; EINVAL malformed
    [[nodiscard]] Result<TaskStatus> status() const;
    [[nodiscard]] Result<TaskStat> stat() const;

    /// Reads a file of the task's directory, e.g. "cgroup".
    /// Not for "environ" and "cmdline" where the task is hostile: those read the task's memory, and
    /// a page that its owner has put on a file system of his own may never come.
    /// @errors ESRCH the task is gone; EFBIG longer than `limit`; those of openat(2), read(2)
    [[nodiscard]] Result<std::string> read(const char* name, std::size_t limit) const;

    /// Opens the task's root directory (O_PATH), which pins its mount.
    /// @errors ESRCH the task is gone; EACCES
    [[nodiscard]] Result<UniqueFd> open_root() const;

    /// Fails with ESRCH where the task is gone by now, so that what was read before is known to
    /// belong to one living task.
    [[nodiscard]] Result<void> verify_alive() const;

  private:
    Task(pid_t tid, UniqueFd dir) : tid_(tid), dir_(std::move(dir)) {}
    pid_t tid_;
    UniqueFd dir_;
};

}  // namespace nsutil
