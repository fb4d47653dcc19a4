#pragma once
/// @file
/// The processes of /proc, by number.

#include <dirent.h>
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall::admin {

/// A listing that several threads read at once, so that what is listed is looked at while the kernel lists
/// on.
class ProcessListing {
  public:
    /// @errors those of opening /proc
    [[nodiscard]] static nsutil::Result<ProcessListing> open();

    /// The next ones, in the kernel's order; empty at the end. For any thread.
    [[nodiscard]] std::vector<pid_t> next();

  private:
    struct Closer {
        void operator()(DIR* folder) const { (void)::closedir(folder); }
    };
    ProcessListing() = default;

    std::unique_ptr<DIR, Closer> folder_;
    std::unique_ptr<std::mutex> mutex_ = std::make_unique<std::mutex>();
};

/// All of them, in ascending order.
/// @errors those of opening /proc
[[nodiscard]] nsutil::Result<std::vector<pid_t>> all_processes();

}  // namespace nsupcall::admin
