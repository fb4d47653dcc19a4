#pragma once
/// @file
/// The most memory that a changing set of processes takes.

#include <sys/types.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

namespace nsupcall::bench {

/// The most seen at once, by proportional set sizes: what processes share is counted once.
struct MemoryPeak {
    std::size_t kib = 0, processes = 0;
};

/// @return Pss of the process in KiB, 0 where it is gone
/// @source  Linux Documentation/filesystems/proc.rst, smaps_rollup
[[nodiscard]] std::size_t proportional_kib(pid_t pid);

/// Looks every few milliseconds until it is stopped.
class MemoryWatch {
  public:
    explicit MemoryWatch(std::function<std::vector<pid_t>()> processes);
    MemoryWatch(const MemoryWatch&) = delete;
    MemoryWatch& operator=(const MemoryWatch&) = delete;
    ~MemoryWatch() { (void)stop(); }
    MemoryPeak stop();

  private:
    MemoryPeak peak_;
    std::atomic<bool> stopped_ = false;
    std::thread thread_;
};

}  // namespace nsupcall::bench
