#pragma once
/// @file
/// The process that serves front ends, one after the other.

#include <sys/types.h>

#include "engine/board.hpp"
#include "engine/refusals.hpp"
#include "privsep/worker_socket.hpp"
#include "rules/prepared_rules.hpp"

namespace nsupcall::engine {

/// What the engine gives a servant.
struct ServantPost {
    int listen_fd = -1;      ///< the engine's socket
    int told_fd = -1;        ///< a pipe: whatever is written makes the engine look at the board
    pid_t engine = 0;        ///< its process id
    WorkerSocket& workers;   ///< where a worker is met
    Board& board;
    Board::Slot& slot;       ///< the servant's own
    const Refusals& refusals;
    PreparedRules& rules;    ///< of the host, as they were when this process was forked
    bool calm = true;        ///< there is time to rehearse
};

/// Meets a worker, waits for a front end, answers it, and begins again, until the engine is gone or the board
/// says that it is worn. It forks nobody: a worker comes from the engine, which has never held anything of a
/// request. What is secret in an answer is wiped once it was sent.
/// @return the exit status
int serve(const ServantPost& post);

}  // namespace nsupcall::engine
