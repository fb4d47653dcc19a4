#include "engine/refusals.hpp"

#include <sys/mman.h>

#include <new>

namespace nsupcall::engine {

nsutil::Result<Refusals> Refusals::create() {
    void* memory =
        ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nsutil::fail_errno("memory for the refusals");
    // Zeros are what all of it begins as.
    return Refusals(std::launder(static_cast<Page*>(memory)));
}

void Refusals::drop() {
    (void)::munmap(page_, sizeof(Page));
    page_ = nullptr;
}

unsigned Refusals::hold_ms(std::uint64_t now_ms) const {
    constexpr std::uint64_t kMillisecondsPerSecond = 1000;
    const auto second = now_ms / kMillisecondsPerSecond;
    // Two who find a new second may both begin it: a few more are answered at once then.
    if (page_->second.exchange(second) != second) page_->count = 0;
    if (++page_->count <= kAtOnce) return 0;
    for (auto& until : page_->held_until) {
        auto free_at = until.load();
        if (free_at <= now_ms && until.compare_exchange_strong(free_at, now_ms + kHoldMs)) return kHoldMs;
    }
    return 0;
}

}  // namespace nsupcall::engine
