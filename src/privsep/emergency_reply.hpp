#pragma once
/// @file
/// A reply that can still be sent from a signal handler.

#include "nsutil/deadline.hpp"
#include "privsep/reply.hpp"

namespace nsupcall {

/// Arms the worker's two ways to say why it ends without a result: a timer that fires shortly before the
/// broker's patience ends, and SIGSYS, which a system call raises that nothing in a worker should make.
/// Either sends what was last given to remember() and ends the process.
///
/// One per process; the state is static because handlers can reach nothing else.
class EmergencyReply {
  public:
    /// To be called before the seccomp program is in force.
    /// @return 0 or an errno
    [[nodiscard]] static int arm(int reply_fd, const nsutil::Deadline& deadline);

    /// The same in parts: the handlers, the channel, and the timer once there is a deadline.
    [[nodiscard]] static int arm_handlers(int reply_fd);
    static void use_channel(int reply_fd);
    [[nodiscard]] static int arm_timer(const nsutil::Deadline& deadline);

    /// Keeps `reply` ready in its encoded form; its code and end are overwritten when it is sent.
    static void remember(const Reply& reply);
};

}  // namespace nsupcall
