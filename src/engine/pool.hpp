#pragma once
/// @file
/// The engine's own process: it forks servants and workers ahead of the requests, and sees none of them.

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>

#include "engine/board.hpp"
#include "engine/nursery.hpp"
#include "engine/refusals.hpp"
#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"
#include "rules/prepared_rules.hpp"

namespace nsupcall::engine {

struct PoolLimits {
    unsigned idle = 8;       ///< servants that wait for a request, each with a worker
    unsigned most = 128;     ///< servants; with that many under way, front ends are sent away
    unsigned layout = 1000;  ///< requests until the engine begins anew
    unsigned already = 0;    ///< children that it had when it began anew
};

/// Why Pool::run() returned.
enum class PoolEnd { stopped, worn };

/// Keeps servants waiting on one socket, and workers on another, each forked from this process, which never
/// touches a connection: what it passes on is what it was before the first request.
class Pool {
  public:
    /// Blocks SIGCHLD and the signals that ask it to end, for as long as the process runs.
    /// @param listen_fd    borrowed
    /// @param worker_path  where the workers' socket is bound for a moment
    /// @param config       path of the rules that servants are given ahead
    [[nodiscard]] static nsutil::Result<Pool> create(int listen_fd, PoolLimits limits,
                                                     const std::string& worker_path, std::string config);

    /// Returns when it was asked to end (SIGTERM, SIGINT), with all children gone or twenty seconds over; or
    /// when the memory layout, which all children share, has been shared for long enough: after a worker that
    /// crashed, or `layout` requests. Idle servants have been sent away then.
    [[nodiscard]] nsutil::Result<PoolEnd> run();

    /// Children that are still there.
    [[nodiscard]] unsigned children() const {
        return static_cast<unsigned>(servants_.size()) + nursery_.size() + limits_.already;
    }

  private:
    using Clock = std::chrono::steady_clock;
    struct Pipe {
        nsutil::UniqueFd from, to;
    };

    Pool(int listen_fd, PoolLimits limits, std::string config, Nursery nursery, Board board,
         Refusals refusals, Pipe told, nsutil::UniqueFd signals);

    [[nodiscard]] bool lacks_servants() const;
    [[nodiscard]] unsigned workers_wanted(bool calm) const;
    [[nodiscard]] bool awaits_workers() const;
    [[nodiscard]] int patience_ms(bool filled) const;
    [[nodiscard]] nsutil::Result<void> fill(bool calm);
    [[nodiscard]] nsutil::Result<void> fork_servant(bool calm);
    void send_away(bool full, bool somebody_asks);
    void take_news();
    void reap();
    void forget(pid_t pid);
    void take_signals();
    void sweep(bool calm);
    void send_idle_away(unsigned most);
    void dismiss_idle();
    void await_children();

    int listen_fd_;
    PoolLimits limits_;
    PreparedRules rules_;
    Nursery nursery_;
    Board board_;
    Refusals refusals_;
    Pipe told_;
    nsutil::UniqueFd signals_;
    std::map<pid_t, unsigned> servants_;  ///< to their slots
    pid_t refuser_ = 0;                   ///< hangs up on front ends; 0: none is needed
    Clock::time_point swept_ = Clock::now();
    bool stopping_ = false, worn_ = false;
};

}  // namespace nsupcall::engine
