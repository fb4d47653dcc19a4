#include "engine/board.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace nsupcall::engine {

nsutil::Result<Board> Board::create(unsigned slots) {
    const std::size_t size = sizeof(Head) + slots * sizeof(Slot);
    static_assert(sizeof(Head) % alignof(Slot) == 0);
    void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return nsutil::fail_errno("memory for the servants' board");
    // Zeros are what all of it begins as.
    auto* head = std::launder(static_cast<Head*>(memory));
    auto* first = std::launder(reinterpret_cast<Slot*>(static_cast<std::byte*>(memory) + sizeof(Head)));
    return Board(head, {first, slots});
}

void Board::drop() {
    (void)::munmap(head_, sizeof(Head) + slots_.size_bytes());
    head_ = nullptr;
    slots_ = {};
}

std::optional<unsigned> Board::claim() {
    const auto found =
        std::ranges::find_if(slots_, [](const Slot& slot) { return slot.state == State::free; });
    if (found == slots_.end()) return std::nullopt;
    found->state = State::starting;
    return static_cast<unsigned>(found - slots_.begin());
}

void Board::release(Slot& slot) {
    slot.worker = 0;
    slot.state = State::free;
}

unsigned Board::count(State state) const {
    return static_cast<unsigned>(
        std::ranges::count_if(slots_, [&](const Slot& slot) { return slot.state == state; }));
}

unsigned Board::holders() const {
    return static_cast<unsigned>(
        std::ranges::count_if(slots_, [](const Slot& slot) { return slot.worker != 0; }));
}

bool Board::holds(pid_t pid) const {
    return std::ranges::any_of(slots_, [&](const Slot& slot) { return slot.worker == pid; });
}

bool Board::begin(Slot& slot) {
    slot.state = State::busy;
    ++head_->served;
    return count(State::idle) == 0;
}

bool Board::finish(Slot& slot) {
    slot.state = State::starting;
    return head_->full || head_->worn;
}

}  // namespace nsupcall::engine
