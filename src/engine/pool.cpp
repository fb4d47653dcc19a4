#include "engine/pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>

#include "engine/rehearsal.hpp"
#include "engine/servant.hpp"
#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "spnego/rehearsal.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail_errno;
using nsutil::Result;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr int kNice = -15;  // of the engine alone; those who serve are like everybody

sigset_t signals_of_the_pool() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
    return set;
}

}  // namespace

Result<Pool> Pool::create(int listen_fd, PoolLimits limits, std::string config) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
    nsutil::UniqueFd told(ends[0]);
    nsutil::UniqueFd tell(ends[1]);
    const auto set = signals_of_the_pool();
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("block signals");
    // One process forks for all that ask: on a busy machine its share of the processors must not be what they
    // wait for.
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    nsutil::UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return fail_errno("signalfd");
    return Pool(listen_fd, limits, std::move(config), std::move(told), std::move(tell), std::move(signals));
}

Result<void> Pool::fill(std::size_t idle, bool calm) {
    while (lacks_servants(idle)) {
        rules_.refresh();
        auto child = nsutil::spawn_alone([&] {
            (void)::setpriority(PRIO_PROCESS, 0, 0);
            const auto set = signals_of_the_pool();
            (void)::sigprocmask(SIG_UNBLOCK, &set, nullptr);
            return serve_one(listen_fd_, tell_.get(), rules_, calm);
        });
        if (!child) return nsutil::propagate(child, "servant");
        idle_.insert(*child);
    }
    return {};
}

void Pool::take_news() {
    pid_t pid = 0;
    // Written whole: a pipe does not split what is shorter than PIPE_BUF.
    while (::read(told_.get(), &pid, sizeof pid) == sizeof pid) {
        if (idle_.erase(pid) == 0) continue;
        busy_.insert(pid);
        if (++served_ >= limits_.layout) worn_ = true;
    }
}

void Pool::reap() {
    int status = 0;
    for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
        if (idle_.erase(pid) + busy_.erase(pid) == 0 && limits_.already > 0) --limits_.already;
        const bool crashed =
            WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGKILL;
        if (crashed || (WIFEXITED(status) && WEXITSTATUS(status) == kWorkerLost)) worn_ = true;
    }
}

void Pool::take_signals() {
    signalfd_siginfo info = {};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGHUP) stopping_ = true;
    reap();
}

void Pool::send_one_away() const {
    // Nobody else accepts: every servant is under way, or none could be forked. The hang-up is the answer.
    const nsutil::UniqueFd refused(::accept4(listen_fd_, nullptr, nullptr, SOCK_CLOEXEC));
}

void Pool::dismiss_idle() {
    take_news();
    for (const pid_t pid : idle_) (void)::kill(pid, SIGTERM);
}

void Pool::await_children() {
    const auto deadline = nsutil::Deadline::after(kPatience);
    for (reap(); children() > 0 && !deadline.passed(); take_signals()) {
        pollfd waiting = {signals_.get(), POLLIN, 0};
        (void)::poll(&waiting, 1, deadline.remaining_ms());
    }
}

Result<PoolEnd> Pool::run() {
    // Once for all: what is bound, mapped and grown by then all of them inherit.
    rules_.refresh();
    (void)(rehearse_answer(rules_) && rehearse_token());
    // Those who ended while the engine began anew have nobody's signal any more.
    reap();
    bool calm = true;
    while (!stopping_ && !worn_) {
        // Too little memory, say: those that there are go on, and the next try is soon.
        constexpr int kSoonMs = 200;
        // Those that make themselves ready would take the processors from those that answer: in a rush there
        // are half as many, and these do without rehearsals.
        constexpr int kCalmMs = 2, kCalmWhileBusyMs = 50;
        const bool filled = fill(calm ? limits_.idle : (limits_.idle + 1) / 2, calm).has_value();
        const bool full = idle_.empty();
        const int calm_ms = busy_.empty() ? kCalmMs : kCalmWhileBusyMs;
        const int patience = !filled ? kSoonMs : lacks_servants(limits_.idle) ? calm_ms : -1;
        pollfd waiting[3] = {{told_.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {listen_fd_, POLLIN, 0}};
        const int ready = ::poll(waiting, full ? 3 : 2, patience);
        if (ready < 0 && errno != EINTR) return fail_errno("poll");
        take_news();
        take_signals();
        calm = ready == 0;
        if (full && waiting[2].revents != 0) send_one_away();
    }
    dismiss_idle();
    if (!stopping_) return PoolEnd::worn;
    await_children();
    return PoolEnd::stopped;
}

}  // namespace nsupcall::engine
