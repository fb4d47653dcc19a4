#pragma once
/// @file
/// What the collector hands to the server, whole, through a pipe.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "nsutil/result.hpp"

namespace nsupcall::admin {

/// One collection, ready to be published.
struct Snapshot {
    static constexpr std::size_t kPartMost = 64UL * 1024 * 1024;  ///< bytes of one text

    std::string metrics, page, status;
    std::string objections;  ///< lines; empty: the node is ready
};

/// Writes it, for at most `patience_ms`. @param fd  non-blocking
/// @errors EPIPE nobody reads any more; ETIMEDOUT; those of write(2)
[[nodiscard]] nsutil::Result<void> send_snapshot(int fd, const Snapshot& snapshot, int patience_ms);

/// Puts snapshots together from what comes through the pipe.
class SnapshotReader {
  public:
    /// Reads what is there. @param fd  non-blocking
    /// @return false once the other end is gone, or what it sent is no snapshot
    [[nodiscard]] bool read(int fd);
    /// The newest that is whole; nothing where none has come since the last call.
    [[nodiscard]] std::optional<Snapshot> take() { return std::exchange(ready_, std::nullopt); }

  private:
    [[nodiscard]] bool cut();
    std::string pending_;
    std::optional<Snapshot> ready_;
};

}  // namespace nsupcall::admin
