#pragma once
/// @file
/// The last upcalls with their stories: a ring in a file of root's.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "trace/history_record.hpp"

namespace nsupcall {

/// What History::since() brought.
struct HistoryTail {
    std::vector<HistoryRecord> records;  ///< in the order of their sequence numbers
    std::uint64_t lost =
        0;  ///< records of the asked range that are gone: overwritten, torn, or never written
    std::uint64_t next = 1;  ///< pass this to the next since()
    /// Of the ring, chosen when it was made: another one means that sequence numbers began anew.
    std::uint64_t generation = 0;
};

/// A ring of records of fixed number and size, which many processes write to at once and nobody waits for.
///
/// A writer takes a number (one atomic addition in a mapped page that is there already, so that a full file
/// system cannot hurt it), then writes its slot with one pwrite(2) of what the record needs. A slot holds its
/// number, its length and a checksum: what was torn by a crash, a full file system or another writer reads as
/// lost. Nothing is synchronised to disk; /run does not outlive the kernel.
///
/// The folder (0700) and the file (0600) are made on demand. Anything that is not root's alone, no regular
/// file, or of another size is not used, nor is what it holds believed.
class History {
  public:
    static constexpr const char* kFolder = "/run/nsupcall/history";
    static constexpr const char* kFile = "ring";        ///< in the folder
    static constexpr std::uint64_t kSlots = 1024;       ///< records that are kept
    static constexpr std::size_t kSlotSize = 8 * 1024;  ///< bytes
    static constexpr std::int64_t kPendingUs =
        2'000'000;  ///< a taken number whose record is not there after this is lost

    /// @param folder  absolute path; empty: nothing is kept
    explicit History(std::string folder = kFolder) : folder_(std::move(folder)) {}

    [[nodiscard]] const std::string& folder() const { return folder_; }
    [[nodiscard]] bool enabled() const { return !folder_.empty(); }

    /// Adds a record, whose sequence number is set here, in place of the oldest where the ring is full. Never
    /// blocks.
    /// @return the sequence number; 0 where nothing is kept
    /// @errors EPERM the folder or the file is not root's alone; those of the file system
    [[nodiscard]] nsutil::Result<std::uint64_t> append(HistoryRecord record) const;

    /// The records whose numbers are `sequence` or higher. With a number that is past the end everything that
    /// there is: the ring was made anew.
    ///
    /// A number that was taken a moment ago and whose record is not there yet ends the answer: `next` is that
    /// number. It counts as lost once a record that is kPendingUs older than `now_us` stands behind it.
    /// @param now_us  microseconds of Unix time
    /// @errors ENOENT there is no history yet; EPERM as above; EPROTO it is no ring; those of the file system
    [[nodiscard]] nsutil::Result<HistoryTail> since(std::uint64_t sequence, std::int64_t now_us) const;

    /// One record. @errors ENOENT it is not there, or no more; those of since()
    [[nodiscard]] nsutil::Result<HistoryRecord> find(std::uint64_t sequence) const;

  private:
    std::string folder_;
};

/// Takes a slot's bytes apart.
/// @errors ENODATA it was never written; EPROTO it is torn or forged
[[nodiscard]] nsutil::Result<HistoryRecord> decode_history_slot(std::span<const std::byte> slot);

}  // namespace nsupcall
