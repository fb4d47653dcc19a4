#pragma once
/// @file
/// The engine's hold on its workers.

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <string>

#include "engine/board.hpp"
#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"
#include "privsep/worker_socket.hpp"

namespace nsupcall::engine {

/// Has workers forked by a process of its own (run_nursery()), knows how many wait, and ends those that nobody
/// has any more. All are children of the calling process.
class Nursery {
  public:
    /// @param path  where the workers' socket is bound for a moment
    [[nodiscard]] static nsutil::Result<Nursery> create(const std::string& path);

    /// Asks for as many workers as are missing.
    /// @param wanted   that wait
    /// @param calm     there is time for them to rehearse
    /// @param told_fd  a pipe, as NurseryPost has it
    /// @param become   runs in the process that forks them: gives up what they are not to have
    /// @errors EAGAIN the process that forks them has just ended; those of fork(2), write(2)
    [[nodiscard]] nsutil::Result<void> fill(unsigned wanted, bool calm, int told_fd,
                                            const std::function<void()>& become);

    /// A worker has told that a servant has met it; 0: it could not be forked.
    void on_told(pid_t pid);
    /// A child has ended. @return whether it was known here
    [[nodiscard]] bool forget(pid_t pid);
    /// One that nobody has met has ended.
    void forget_waiting() { waiting_ -= waiting_ > 0 ? 1 : 0; }
    /// Those that wait are lost: nobody comes to meet servants.
    void write_off() { waiting_ = 0; }

    /// To be called now and then: ends the workers that no servant has, and had none the last time.
    void sweep(const Board& board);
    /// Those that wait, and whom a servant has not met in the meantime, end.
    void dismiss() const;

    [[nodiscard]] WorkerSocket& socket() { return socket_; }
    [[nodiscard]] unsigned waiting() const { return waiting_; }
    [[nodiscard]] std::size_t working() const { return working_.size(); }
    /// Processes.
    [[nodiscard]] unsigned size() const {
        return waiting_ + static_cast<unsigned>(working_.size()) + (pid_ != 0 ? 1 : 0);
    }

  private:
    using Clock = std::chrono::steady_clock;

    Nursery(WorkerSocket socket, nsutil::UniqueFd commanded, nsutil::UniqueFd command)
        : socket_(std::move(socket)), commanded_(std::move(commanded)), command_(std::move(command)) {}
    [[nodiscard]] nsutil::Result<void> begin(int told_fd, const std::function<void()>& become);

    WorkerSocket socket_;
    nsutil::UniqueFd commanded_, command_;
    pid_t pid_ = 0;  ///< of the process that forks; 0: there is none
    Clock::time_point began_;
    unsigned waiting_ = 0;           ///< workers that nobody has met, or that are to be forked
    std::map<pid_t, bool> working_;  ///< workers that a servant has met; whether nobody had it last time
};

}  // namespace nsupcall::engine
