#pragma once
/// @file
/// Where workers that wait for a task are met.

#include <chrono>
#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall {

/// A listening socket without a name: only who has inherited the descriptors can connect, or accept. The
/// kernel gives each connection to one of those who wait.
///
/// A socket that has no address cannot be connected to (unix(7)), so it is bound to a path, which is removed
/// at once; a descriptor of the file is what is left to find it by.
class WorkerSocket {
  public:
    /// @param path  where it is bound for a moment, in a folder of root's alone
    /// @errors those of bind(2), listen(2), open(2)
    [[nodiscard]] static nsutil::Result<WorkerSocket> create(const std::string& path);

    /// Borrowed; for accept4(2).
    [[nodiscard]] int listen_fd() const { return listening_.get(); }

    /// @return a channel that does not block
    /// @errors EAGAIN too many wait already; ECONNREFUSED nobody listens any more
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> connect() const;

    /// Those who wait for a broker, and who come to wait, get an error.
    void dismiss() const;

    /// Gives up the listening end, in a process that only connects: one that is gone must not seem to listen.
    void stop_listening() { listening_.reset(); }

  private:
    WorkerSocket(nsutil::UniqueFd listening, nsutil::UniqueFd file)
        : listening_(std::move(listening)), file_(std::move(file)) {}
    nsutil::UniqueFd listening_, file_;
};

}  // namespace nsupcall
