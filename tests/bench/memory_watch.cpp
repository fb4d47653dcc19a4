#include "bench/memory_watch.hpp"

#include <sched.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <string>
#include <utility>

namespace nsupcall::bench {

std::size_t proportional_kib(pid_t pid) {
    std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
    std::string word;
    while (rollup >> word) {
        std::size_t kib = 0;
        if (word == "Pss:" && rollup >> kib) return kib;
    }
    return 0;
}

MemoryWatch::MemoryWatch(std::function<std::vector<pid_t>()> processes)
    : thread_([this, list = std::move(processes)] {
          constexpr auto kPause = std::chrono::milliseconds(5);
          // Those who are watched would keep this thread from looking.
          const sched_param priority = {.sched_priority = 5};
          (void)::sched_setscheduler(0, SCHED_FIFO, &priority);
          while (!stopped_) {
              const auto pids = list();
              MemoryPeak now;
              for (const pid_t pid : std::set<pid_t>(pids.begin(), pids.end()))
                  if (const auto kib = proportional_kib(pid); kib > 0) {
                      now.kib += kib;
                      ++now.processes;
                  }
              if (now.kib > peak_.kib) peak_ = now;
              std::this_thread::sleep_for(kPause);
          }
      }) {}

MemoryPeak MemoryWatch::stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
    return peak_;
}

}  // namespace nsupcall::bench
