#include "admin/in_parallel.hpp"

#include <sched.h>

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

namespace nsupcall::admin {

std::size_t shares_of(std::size_t count, std::size_t least) {
    constexpr std::size_t kMost = 8;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    const int allowed = ::sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? CPU_COUNT(&cpus) : 1;
    const auto processors = std::clamp(static_cast<std::size_t>(std::max(allowed, 1)), std::size_t{1}, kMost);
    return std::clamp(count / std::max(least, std::size_t{1}), std::size_t{1}, processors);
}

void in_parallel(std::size_t count, std::size_t shares,
                 const std::function<void(std::size_t, std::size_t, std::size_t)>& work) {
    const auto one = [&](std::size_t share) {
        work(share, count * share / shares, count * (share + 1) / shares);
    };
    std::vector<std::thread> threads;
    for (std::size_t share = 1; share < shares; ++share) try {
            threads.emplace_back(one, share);
        } catch (const std::system_error&) {
            one(share);
        }
    one(0);
    for (auto& thread : threads) thread.join();
}

}  // namespace nsupcall::admin
