#include "engine/pool.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "engine/inherited_code.hpp"
#include "engine/rehearsal.hpp"
#include "engine/servant.hpp"
#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "spnego/rehearsal.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;

constexpr auto kPatience = std::chrono::seconds(20);
constexpr auto kSweepEvery = std::chrono::milliseconds(300);
constexpr int kNice = -15;  // of the engine alone; those who serve are like everybody

sigset_t signals_of_the_pool() {
    sigset_t set;
    ::sigemptyset(&set);
    for (const int number : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, number);
    return set;
}

/// What a child is not to inherit of the engine.
void become_like_everybody() {
    (void)::setpriority(PRIO_PROCESS, 0, 0);
    const auto set = signals_of_the_pool();
    (void)::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

/// Hangs up on whoever asks: the hang-up is the answer.
int refuse_all(int listen_fd, pid_t engine) {
    (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
    while (::getppid() == engine) {
        const nsutil::UniqueFd refused(::accept4(listen_fd, nullptr, nullptr, SOCK_CLOEXEC));
        if (!refused && errno != EINTR && errno != ECONNABORTED) return 1;
    }
    return 0;
}

}  // namespace

Pool::Pool(int listen_fd, PoolLimits limits, std::string config, Nursery nursery, Board board,
           Refusals refusals, Pipe told, nsutil::UniqueFd signals)
    : listen_fd_(listen_fd),
      limits_(limits),
      rules_(std::move(config)),
      nursery_(std::move(nursery)),
      board_(board),
      refusals_(refusals),
      told_(std::move(told)),
      signals_(std::move(signals)) {}

Result<Pool> Pool::create(int listen_fd, PoolLimits limits, const std::string& worker_path,
                          std::string config) {
    auto nursery = Nursery::create(worker_path);
    if (!nursery) return propagate(nursery);
    auto board = Board::create(limits.most);
    if (!board) return propagate(board);
    auto refusals = Refusals::create();
    if (!refusals) return propagate(refusals);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return fail_errno("pipe");
    Pipe told = {nsutil::UniqueFd(ends[0]), nsutil::UniqueFd(ends[1])};
    const auto set = signals_of_the_pool();
    if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return fail_errno("block signals");
    // One process forks for all that ask: on a busy machine its share of the processors must not be what they
    // wait for.
    (void)::setpriority(PRIO_PROCESS, 0, kNice);
    nsutil::UniqueFd signals(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    if (!signals) return fail_errno("signalfd");
    return Pool(listen_fd, limits, std::move(config), std::move(*nursery), *board, *refusals,
                std::move(told), std::move(signals));
}

bool Pool::lacks_servants() const {
    // In a rush several get themselves ready at a time.
    constexpr unsigned kAtOnce = 4;
    const unsigned at_once = std::min(kAtOnce, board_.count(Board::State::busy));
    const bool lacking =
        servants_.size() < limits_.idle ||
        (board_.count(Board::State::idle) == 0 && board_.count(Board::State::starting) < at_once);
    // Of those that were there before, half are workers.
    return lacking && servants_.size() + limits_.already / 2 < limits_.most;
}

unsigned Pool::workers_wanted(bool calm) const {
    // Besides those that the servants have: enough for who comes before the next are forked. Those that
    // make themselves ready would take the processors from those that answer: in a rush there are only as many
    // as somebody waits for, and these do without rehearsals.
    constexpr unsigned kShare = 4;
    const unsigned spare = (limits_.idle + kShare - 1) / kShare;
    return calm ? spare : std::max(spare / 2, std::min(spare, board_.count(Board::State::starting)));
}

bool Pool::awaits_workers() const {
    return nursery_.waiting() > 0 && board_.count(Board::State::starting) > 0;
}

int Pool::patience_ms(bool filled) const {
    // Too little memory, say: those that there are go on, and the next try is soon.
    constexpr int kSoonMs = 200;
    constexpr int kCalmMs = 2, kCalmWhileBusyMs = 50;
    if (!filled) return kSoonMs;
    if (nursery_.waiting() < workers_wanted(true) || lacks_servants())
        return board_.count(Board::State::busy) == 0 ? kCalmMs : kCalmWhileBusyMs;
    if (awaits_workers()) return kSoonMs;
    // Workers and servants that should go.
    const bool unsettled = nursery_.working() > board_.holders() || board_.available() > limits_.idle;
    return unsettled ? static_cast<int>(kSweepEvery.count()) : -1;
}

Result<void> Pool::fork_servant(bool calm) {
    const auto number = board_.claim();
    if (!number) return {};
    rules_.refresh();
    const pid_t engine = ::getpid();
    auto child = nsutil::spawn_alone([&] {
        become_like_everybody();
        return serve({.listen_fd = listen_fd_,
                      .told_fd = told_.to.get(),
                      .engine = engine,
                      .workers = nursery_.socket(),
                      .board = board_,
                      .slot = board_.slot(*number),
                      .refusals = refusals_,
                      .rules = rules_,
                      .calm = calm});
    });
    if (!child) {
        Board::release(board_.slot(*number));
        return propagate(child, "servant");
    }
    servants_[*child] = *number;
    return {};
}

Result<void> Pool::fill(bool calm) {
    auto filled = nursery_.fill(workers_wanted(calm), calm, told_.to.get(), [&] {
        const auto set = signals_of_the_pool();
        (void)::sigprocmask(SIG_UNBLOCK, &set, nullptr);
        board_.drop();
        refusals_.drop();
    });
    if (!filled) return filled;
    while (lacks_servants())
        if (auto forked = fork_servant(calm); !forked) return forked;
    return {};
}

void Pool::send_away(bool full, bool somebody_asks) {
    if (full && somebody_asks && refuser_ == 0) {
        const pid_t engine = ::getpid();
        const auto child = nsutil::spawn_alone([&] {
            become_like_everybody();
            return refuse_all(listen_fd_, engine);
        });
        if (child) refuser_ = *child;
    }
    if (!full && refuser_ != 0) (void)::kill(refuser_, SIGTERM);
}

void Pool::take_news() {
    pid_t pid = 0;
    // Written whole: a pipe does not split what is shorter than PIPE_BUF. A servant writes to be looked at.
    while (::read(told_.from.get(), &pid, sizeof pid) == sizeof pid)
        if (!servants_.contains(pid)) nursery_.on_told(pid);
    if (board_.worn() || board_.served() >= limits_.layout) worn_ = true;
}

void Pool::forget(pid_t pid) {
    if (const auto servant = servants_.find(pid); servant != servants_.end()) {
        Board::release(board_.slot(servant->second));
        servants_.erase(servant);
    } else if (pid == refuser_) {
        refuser_ = 0;
    } else if (!nursery_.forget(pid)) {
        // Somebody from before, or a worker that nobody has met.
        if (limits_.already > 0)
            --limits_.already;
        else
            nursery_.forget_waiting();
    }
}

void Pool::reap() {
    int status = 0;
    pid_t pid = 0;
    while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
        // What it has told before it ended comes first.
        take_news();
        forget(pid);
        const bool crashed =
            WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM && WTERMSIG(status) != SIGKILL;
        if (crashed) worn_ = true;
    }
    if (pid < 0 && errno == ECHILD) {
        limits_.already = 0;
        nursery_.write_off();
    }
}

void Pool::take_signals() {
    signalfd_siginfo info = {};
    while (::read(signals_.get(), &info, sizeof info) == sizeof info)
        if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGHUP) stopping_ = true;
    reap();
}

void Pool::sweep(bool calm) {
    if (Clock::now() - swept_ < kSweepEvery) return;
    swept_ = Clock::now();
    nursery_.sweep(board_);
    // Those that a rush has left behind.
    if (!calm || board_.available() <= limits_.idle) return;
    send_idle_away(board_.available() - limits_.idle);
}

void Pool::send_idle_away(unsigned most) {
    for (const auto& [pid, number] : servants_) {
        if (most == 0) break;
        if (board_.slot(number).state != Board::State::idle) continue;
        (void)::kill(pid, SIGTERM);
        --most;
    }
}

void Pool::dismiss_idle() {
    board_.wear_out();
    send_idle_away(limits_.most);
    nursery_.dismiss();
    if (refuser_ != 0) (void)::kill(refuser_, SIGTERM);
}

void Pool::await_children() {
    const auto deadline = nsutil::Deadline::after(kPatience);
    for (reap(); children() > 0 && !deadline.passed(); take_signals()) {
        // A signal that came just before somebody began to wait was in vain.
        constexpr int kOnceMoreMs = 100;
        pollfd waiting = {signals_.get(), POLLIN, 0};
        if (::poll(&waiting, 1, std::min(kOnceMoreMs, deadline.remaining_ms())) == 0)
            send_idle_away(limits_.most);
    }
}

Result<PoolEnd> Pool::run() {
    // Once for all: what is bound, mapped and grown by then all of them inherit.
    rules_.refresh();
    (void)(rehearse_answer(rules_) && rehearse_token());
    (void)inherit_code();
    // Those who ended while the engine began anew have nobody's signal any more.
    reap();
    bool calm = true;
    while (!stopping_ && !worn_) {
        const bool filled = fill(calm).has_value();
        bool full = board_.available() == 0;
        board_.set_full(full);
        // Whoever became available just now may not have seen that it matters.
        full = full && board_.available() == 0;
        pollfd waiting[3] = {{told_.from.get(), POLLIN, 0}, {signals_.get(), POLLIN, 0}, {listen_fd_, POLLIN, 0}};
        const int ready = ::poll(waiting, full && refuser_ == 0 ? 3 : 2, patience_ms(filled));
        if (ready < 0 && errno != EINTR) return fail_errno("poll");
        take_news();
        take_signals();
        calm = ready == 0;
        // Servants wait, and nobody comes: those whom they wait for are lost.
        if (calm && awaits_workers()) nursery_.write_off();
        send_away(board_.available() == 0, waiting[2].revents != 0);
        sweep(calm);
    }
    dismiss_idle();
    if (!stopping_) return PoolEnd::worn;
    await_children();
    return PoolEnd::stopped;
}

}  // namespace nsupcall::engine
