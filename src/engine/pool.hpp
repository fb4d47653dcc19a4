#pragma once
/// @file
/// The engine's own process: it forks servants ahead of the requests, and sees none of them.

#include <sys/types.h>

#include <set>
#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"
#include "rules/prepared_rules.hpp"

namespace nsupcall::engine {

struct PoolLimits {
    unsigned idle = 8;       ///< servants that wait for a request
    unsigned most = 128;     ///< servants; with that many under way, front ends are sent away
    unsigned layout = 1000;  ///< requests until the engine begins anew
    unsigned already = 0;    ///< children that it had when it began anew
};

/// Why Pool::run() returned.
enum class PoolEnd { stopped, worn };

/// Keeps servants waiting on one socket, each forked from this process, which never touches a connection:
/// what it passes on to a servant is what it was before the first request.
class Pool {
  public:
    /// Blocks SIGCHLD and the signals that ask it to end, for as long as the process runs.
    /// @param listen_fd  borrowed
    /// @param config     path of the rules that servants are given ahead
    [[nodiscard]] static nsutil::Result<Pool> create(int listen_fd, PoolLimits limits, std::string config);

    /// Returns when it was asked to end (SIGTERM, SIGINT), with all servants gone or twenty seconds over; or
    /// when the memory layout, which all servants share, has been shared for long enough: after a worker that
    /// crashed, or `layout` requests. Idle servants have been sent away then.
    [[nodiscard]] nsutil::Result<PoolEnd> run();

    /// Servants that are still there.
    [[nodiscard]] unsigned children() const {
        return static_cast<unsigned>(idle_.size() + busy_.size()) + limits_.already;
    }

  private:
    Pool(int listen_fd, PoolLimits limits, std::string config, nsutil::UniqueFd told, nsutil::UniqueFd tell,
         nsutil::UniqueFd signals)
        : listen_fd_(listen_fd),
          limits_(limits),
          rules_(std::move(config)),
          told_(std::move(told)),
          tell_(std::move(tell)),
          signals_(std::move(signals)) {}

    [[nodiscard]] bool lacks_servants(std::size_t idle) const {
        return idle_.size() < idle && children() < limits_.most;
    }
    [[nodiscard]] nsutil::Result<void> fill(std::size_t idle, bool calm);
    void take_news();
    void reap();
    void take_signals();
    void send_one_away() const;
    void dismiss_idle();
    void await_children();

    int listen_fd_;
    PoolLimits limits_;
    PreparedRules rules_;
    nsutil::UniqueFd told_, tell_, signals_;
    std::set<pid_t> idle_, busy_;
    unsigned served_ = 0;
    bool stopping_ = false, worn_ = false;
};

}  // namespace nsupcall::engine
