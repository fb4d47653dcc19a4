#include "trace/history.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <ctime>

#include "nsutil/bounded_read.hpp"
#include "nsutil/root_folder.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;
using nsutil::UniqueFd;

constexpr std::uint64_t kMagic = 0x3167'6e69'7250'534eULL;  // "NSPring1"

/// The first slot.
struct Head {
    std::uint64_t magic, slots, slot_size, generation;
    std::uint64_t taken;  ///< the highest number that a writer has taken
};
struct SlotHead {
    std::uint64_t sequence;
    std::uint64_t checksum;  ///< of the number, the length and the record
    std::uint32_t size;      ///< bytes of the record
    std::uint32_t unused;
};
static_assert(sizeof(SlotHead) + kHistoryRecordLimit <= History::kSlotSize);
static_assert(std::atomic_ref<std::uint64_t>::is_always_lock_free);

constexpr off_t kFileSize = static_cast<off_t>((History::kSlots + 1) * History::kSlotSize);

off_t slot_offset(std::uint64_t sequence) {
    return static_cast<off_t>((1 + sequence % History::kSlots) * History::kSlotSize);
}

/// FNV-1a over 64-bit words: against accidents, not against root.
std::uint64_t checksum_of(std::uint64_t sequence, std::span<const std::byte> record) {
    constexpr std::uint64_t kPrime = 0x100000001b3ULL;
    std::uint64_t state = 0xcbf29ce484222325ULL;
    const auto add = [&](std::uint64_t word) {
        state = (state ^ word) * kPrime;
        state ^= state >> 32U;  // the high bits of a word must reach the low ones too
    };
    add(sequence);
    add(record.size());
    while (!record.empty()) {
        std::uint64_t word = 0;
        const auto size = std::min(record.size(), sizeof word);
        std::memcpy(&word, record.data(), size);
        add(word);
        record = record.subspan(size);
    }
    return state;
}

bool is_head(const Head& head) {
    return head.magic == kMagic && head.slots == History::kSlots && head.slot_size == History::kSlotSize;
}

/// An open ring whose head was looked at.
struct Ring {
    UniqueFd fd;
    Head head;
};

/// @errors EPROTO it is no ring (of this version)
Result<Ring> open_ring(int folder_fd, int flags) {
    // O_NONBLOCK: nothing but a regular file may keep us waiting.
    auto fd = nsutil::open_at(folder_fd, History::kFile, flags | O_NOFOLLOW | O_NONBLOCK);
    if (!fd) return propagate(fd);
    struct stat info = {};
    if (::fstat(fd->get(), &info) != 0) return fail_errno("stat the history");
    if (!nsutil::is_roots_alone(info)) return fail(EPERM, "the history is not root's alone");
    if (!S_ISREG(info.st_mode) || info.st_size != kFileSize) return fail(EPROTO, "this is no history");
    Head head = {};
    if (::pread(fd->get(), &head, sizeof head, 0) != ssize_t{sizeof head} || !is_head(head))
        return fail(EPROTO, "this is no history of this version");
    return Ring{std::move(*fd), head};
}

std::uint64_t clock_ns() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

/// Makes the file under another name and puts it in its place at once, so that nobody ever opens half a one.
/// @param replace  also where there is something by that name
Result<void> make_ring(int folder_fd, bool replace) {
    const std::string unfinished = ".new-" + std::to_string(::getpid());
    (void)::unlinkat(folder_fd, unfinished.c_str(), 0);  // left by a process of this number that was killed
    const UniqueFd fd(
        ::openat(folder_fd, unfinished.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return fail_errno("make the history");
    const Head head = {kMagic, History::kSlots, History::kSlotSize, clock_ns(), 0};
    Result<void> done;
    const bool written = ::ftruncate(fd.get(), kFileSize) == 0 &&
                         ::pwrite(fd.get(), &head, sizeof head, 0) == ssize_t{sizeof head};
    if (!written || (::renameat2(folder_fd, unfinished.c_str(), folder_fd, History::kFile,
                                 replace ? 0 : RENAME_NOREPLACE) != 0 &&
                     errno != EEXIST))
        done = fail_errno("make the history");
    (void)::unlinkat(folder_fd, unfinished.c_str(), 0);
    return done;
}

Result<Ring> open_or_make_ring(const std::string& folder) {
    constexpr int kFlags = O_RDWR;
    auto folder_fd = nsutil::open_or_make_root_folder(folder);
    if (!folder_fd) return propagate(folder_fd);
    auto ring = open_ring(folder_fd->get(), kFlags);
    if (ring || (ring.error().code != ENOENT && ring.error().code != EPROTO)) return ring;
    if (auto made = make_ring(folder_fd->get(), ring.error().code == EPROTO); !made) return propagate(made);
    return open_ring(folder_fd->get(), kFlags);
}

/// @errors those of mmap(2)
Result<std::uint64_t> take_number(const Ring& ring) {
    // Mapped, for the addition to be one step among all processes. The page was written when the ring was
    // made: no fault on it needs memory that might not be there.
    void* const page = ::mmap(nullptr, sizeof(Head), PROT_READ | PROT_WRITE, MAP_SHARED, ring.fd.get(), 0);
    if (page == MAP_FAILED) return fail_errno("map the history");
    auto* const head = static_cast<Head*>(page);
    const auto number = std::atomic_ref(head->taken).fetch_add(1, std::memory_order_relaxed) + 1;
    (void)::munmap(page, sizeof(Head));
    return number;
}

Result<HistoryRecord> read_slot(const Ring& ring, std::uint64_t sequence) {
    std::array<std::byte, History::kSlotSize> slot = {};
    // A slot that is being written while it is read looks torn: once more.
    for (int attempt = 0;; ++attempt) {
        const ssize_t size = ::pread(ring.fd.get(), slot.data(), slot.size(), slot_offset(sequence));
        if (size < 0) return fail_errno("read the history");
        auto record = decode_history_slot(std::span(slot).first(static_cast<std::size_t>(size)));
        if (record && record->sequence != sequence) return fail(ENODATA, "another record is there");
        if (record || record.error().code != EPROTO || attempt > 0) return record;
    }
}

Result<Ring> open_to_read(const std::string& folder) {
    auto folder_fd = nsutil::open_root_folder(folder);
    if (!folder_fd) return propagate(folder_fd);
    return open_ring(folder_fd->get(), O_RDONLY);
}

}  // namespace

Result<HistoryRecord> decode_history_slot(std::span<const std::byte> slot) {
    SlotHead head = {};
    if (slot.size() < sizeof head) return fail(EPROTO, "history slot too short");
    std::memcpy(&head, slot.data(), sizeof head);
    if (head.sequence == 0 && head.size == 0 && head.checksum == 0) return fail(ENODATA, "never written");
    slot = slot.subspan(sizeof head);
    if (head.size > slot.size()) return fail(EPROTO, "history slot with a bad length");
    const auto bytes = slot.first(head.size);
    if (checksum_of(head.sequence, bytes) != head.checksum) return fail(EPROTO, "history slot is torn");
    auto record = decode_history(bytes);
    if (record && record->sequence != head.sequence) return fail(EPROTO, "history slot with two numbers");
    return record;
}

Result<std::uint64_t> History::append(HistoryRecord record) const {
    if (!enabled()) return std::uint64_t{0};
    const auto ring = open_or_make_ring(folder_);
    if (!ring) return std::unexpected(ring.error());
    const auto number = take_number(*ring);
    if (!number) return number;
    record.sequence = *number;
    const auto bytes = encode_history(record);
    const SlotHead head = {*number, checksum_of(*number, bytes), static_cast<std::uint32_t>(bytes.size()), 0};
    std::vector<std::byte> slot(sizeof head + bytes.size());
    std::memcpy(slot.data(), &head, sizeof head);
    std::ranges::copy(bytes, slot.begin() + sizeof head);
    const ssize_t written = ::pwrite(ring->fd.get(), slot.data(), slot.size(), slot_offset(*number));
    if (written < 0) return fail_errno("write to the history");
    if (static_cast<std::size_t>(written) != slot.size()) return fail(ENOSPC, "history record cut short");
    return number;
}

Result<HistoryTail> History::since(std::uint64_t sequence, std::int64_t now_us) const {
    if (!enabled()) return fail(ENOENT, "no history is kept");
    const auto ring = open_to_read(folder_);
    if (!ring) return std::unexpected(ring.error());
    const std::uint64_t end = ring->head.taken + 1;
    HistoryTail tail;
    tail.generation = ring->head.generation;
    if (sequence == 0 || sequence > end) sequence = 1;
    const std::uint64_t oldest = end > kSlots ? end - kSlots : 1;
    if (sequence < oldest) tail.lost = oldest - sequence;
    tail.next = std::max(sequence, oldest);
    std::uint64_t missing = 0;  // in a row, in front of the number that is looked at
    for (auto number = tail.next; number < end; ++number) {
        auto record = read_slot(*ring, number);
        if (!record) {
            ++missing;
            continue;
        }
        // Numbers are taken a few microseconds before their records are there.
        if (missing > 0 && record->time_us > now_us - kPendingUs) break;
        tail.lost += missing;
        missing = 0;
        tail.records.push_back(std::move(*record));
        tail.next = number + 1;
    }
    return tail;
}

Result<HistoryRecord> History::find(std::uint64_t sequence) const {
    if (!enabled()) return fail(ENOENT, "no history is kept");
    const auto ring = open_to_read(folder_);
    if (!ring) return std::unexpected(ring.error());
    if (sequence == 0 || sequence > ring->head.taken) return fail(ENOENT, "there is no such record");
    auto record = read_slot(*ring, sequence);
    if (!record) return fail(ENOENT, "record " + std::to_string(sequence) + " is no longer kept");
    return record;
}

}  // namespace nsupcall
