#include "nsutil/task.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nsutil/bounded_read.hpp"

namespace nsutil {
namespace {

/// A lookup below the directory of a task that is gone says ENOENT, a read says ESRCH: one meaning.
template <class T>
std::unexpected<Error> gone_is_esrch(Result<T>& result, std::string_view context) {
    if (result.error().code == ENOENT) result.error().code = ESRCH;
    return propagate(result, context);
}

}  // namespace

Result<Task> Task::open(pid_t tid) {
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    if (!proc) return propagate(proc);
    return Task::open_at(proc->get(), tid);
}

Result<Task> Task::open_at(int proc_dir_fd, pid_t tid) {
    if (tid <= 0) return fail(ESRCH, "no task has the id " + std::to_string(tid));
    auto dir = nsutil::open_at(proc_dir_fd, std::to_string(tid).c_str(), O_PATH | O_DIRECTORY);
    if (!dir) return gone_is_esrch(dir, "task");
    return Task(tid, std::move(*dir));
}

Result<std::string> Task::read(const char* name, std::size_t limit) const {
    auto text = read_file_at(dir(), name, limit);
    if (!text) return gone_is_esrch(text, "task " + std::to_string(tid_));
    return text;
}

Result<TaskStatus> Task::status() const {
    auto text = read("status", kStatusLimit);
    if (!text) return propagate(text);
    return parse_status(*text);
}

Result<TaskStat> Task::stat() const {
    auto text = read("stat", kStatLimit);
    if (!text) return propagate(text);
    return parse_stat(*text);
}

Result<UniqueFd> Task::open_root() const {
    auto root = nsutil::open_at(dir(), "root", O_PATH | O_DIRECTORY);
    if (!root) return gone_is_esrch(root, "root directory of task " + std::to_string(tid_));
    return root;
}

Result<void> Task::verify_alive() const {
    auto now = stat();
    if (!now) return propagate(now);
    // A zombie still has a directory, but its namespaces and root are gone.
    if (now->state == 'Z' || now->state == 'X')
        return fail(ESRCH, "task " + std::to_string(tid_) + " has exited");
    return {};
}

}  // namespace nsutil
