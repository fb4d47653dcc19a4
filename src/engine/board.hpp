#pragma once
/// @file
/// What the engine and its servants know of each other without asking: a few words of memory that all share.

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <optional>
#include <span>

#include "nsutil/result.hpp"

namespace nsupcall::engine {

/// Shared by the engine and its servants. Workers let go of it (drop()) before they have a task: whom a
/// container has made its own must not speak for servants. Nothing of a request is here.
class Board {
  public:
    enum class State : std::uint32_t {
        free,      ///< no servant
        starting,  ///< gets itself a worker
        idle,      ///< waits for a front end
        busy,
    };
    struct Slot {
        std::atomic<pid_t> worker;  ///< of the servant; 0: none
        std::atomic<State> state;
    };

    /// @param slots  servants at most
    /// @errors those of mmap(2)
    [[nodiscard]] static nsutil::Result<Board> create(unsigned slots);

    /// Unmaps it, in a process that is not to have it. Nothing else may be called then.
    void drop();

    /// A slot for a servant that is about to be forked. @return nothing where all are taken
    [[nodiscard]] std::optional<unsigned> claim();
    [[nodiscard]] Slot& slot(unsigned number) { return slots_[number]; }
    /// The servant is gone.
    static void release(Slot& slot);

    [[nodiscard]] unsigned count(State state) const;
    /// Servants that a front end would find: those that start as well.
    [[nodiscard]] unsigned available() const { return count(State::starting) + count(State::idle); }
    /// Whether a servant has `pid` as its worker.
    [[nodiscard]] bool holds(pid_t pid) const;
    /// Servants that have one.
    [[nodiscard]] unsigned holders() const;

    /// A servant has taken a front end on. @return whether the engine must be told: nobody else waits
    [[nodiscard]] bool begin(Slot& slot);
    /// It has answered. @return whether the engine must be told: it waits for that
    [[nodiscard]] bool finish(Slot& slot);

    [[nodiscard]] unsigned served() const { return head_->served.load(); }
    /// The memory layout, which all share, is to be used no more: servants end after what they are at.
    void wear_out() { head_->worn = true; }
    [[nodiscard]] bool worn() const { return head_->worn; }
    /// Front ends are being sent away.
    void set_full(bool full) { head_->full = full; }

  private:
    struct Head {
        std::atomic<std::uint32_t> served;
        std::atomic<bool> worn, full;
    };
    Board(Head* head, std::span<Slot> slots) : head_(head), slots_(slots) {}
    Head* head_;
    std::span<Slot> slots_;
};

}  // namespace nsupcall::engine
