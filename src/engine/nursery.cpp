#include "engine/nursery.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "engine/process_title.hpp"
#include "nsutil/child.hpp"
#include "nsutil/sandbox.hpp"
#include "privsep/ready_worker.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;

void show_title(const WorkerTitle& title) {
    set_command_line(title.name, title.word);
}

/// Whether `pid` is a child that has not been waited for: its number is nobody else's then.
bool is_child(pid_t pid) {
    siginfo_t info = {};
    return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

}  // namespace

Result<Nursery> Nursery::create(const std::string& path) {
    auto socket = WorkerSocket::create(path);
    if (!socket) return propagate(socket, "the workers' socket");
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
    return Nursery(std::move(*socket), nsutil::UniqueFd(ends[0]), nsutil::UniqueFd(ends[1]));
}

Result<void> Nursery::begin(int told_fd, const std::function<void()>& become) {
    // One that cannot begin is not to be forked without end.
    constexpr auto kSoon = std::chrono::milliseconds(150);
    if (Clock::now() - began_ < kSoon) return nsutil::fail(EAGAIN, "the nursery does not begin");
    began_ = Clock::now();
    const pid_t engine = ::getpid();
    auto child = nsutil::spawn_alone([&] {
        // As urgent as the engine: it forks for all that ask. Its children are like everybody again.
        const sched_param plain = {};
        (void)::sched_setscheduler(0, SCHED_OTHER | SCHED_RESET_ON_FORK, &plain);
        become();
        (void)nsutil::set_name("nursery");
        return run_nursery({.show = show_title,
                            .listen_fd = socket_.listen_fd(),
                            .command_fd = commanded_.get(),
                            .told_fd = told_fd,
                            .parent = engine});
    });
    if (!child) return propagate(child, "nursery");
    pid_ = *child;
    return {};
}

Result<void> Nursery::fill(unsigned wanted, bool calm, int told_fd, const std::function<void()>& become) {
    if (pid_ == 0)
        if (auto begun = begin(told_fd, become); !begun) return begun;
    const auto command = calm ? NurseryCommand::rehearsed : NurseryCommand::at_once;
    for (; waiting_ < wanted; ++waiting_)
        if (::write(command_.get(), &command, sizeof command) != sizeof command)
            return fail_errno("ask for a worker");
    return {};
}

void Nursery::on_told(pid_t pid) {
    forget_waiting();
    if (pid > 0) working_[pid] = false;
}

bool Nursery::forget(pid_t pid) {
    if (pid != pid_) return working_.erase(pid) != 0;
    pid_ = 0;
    // Nobody knows what has become of what it was asked for.
    waiting_ = 0;
    return true;
}

void Nursery::sweep(const Board& board) {
    // A worker ends with its channel. One that a container has made its own may not.
    for (auto& [pid, given_up] : working_) {
        if (board.holds(pid)) continue;
        if (given_up && is_child(pid)) (void)::kill(pid, SIGKILL);
        given_up = true;
    }
}

void Nursery::dismiss() const {
    socket_.dismiss();
    if (pid_ != 0) (void)::kill(pid_, SIGKILL);
}

}  // namespace nsupcall::engine
