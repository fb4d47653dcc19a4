#pragma once
/// @file
/// User and group id maps of user namespaces.

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"

namespace nsutil {

/// One line of /proc/<tid>/uid_map: `count` ids from `inside_first` on are the host's from `host_first` on.
struct IdMapRange {
    std::uint32_t inside_first, host_first, count;
    friend bool operator==(const IdMapRange&, const IdMapRange&) = default;
};

/// The map between the ids inside a user namespace and those of the reader's.
///
/// Opened from the initial user namespace, /proc/<tid>/{uid,gid}_map shows initial ids also for nested
/// namespaces, so one look-up is enough at any depth. Ids are unsigned 32 bit: Kubernetes uses those
/// above 2^31. 4294967295 is no id.
/// @source user_namespaces(7); Linux kernel/user_namespace.c (uid_m_show)
class IdMap {
  public:
    static constexpr std::size_t kTextLimit = 64 * 1024;  ///< bytes; 340 lines of 34 bytes fit
    static constexpr std::size_t kRangesMost = 340;       ///< UID_GID_MAP_MAX_EXTENTS

    /// @errors EINVAL a line that is not three numbers, a count of 0, a range past 2^32 - 1, overlapping
    /// ranges, too many lines
    [[nodiscard]] static Result<IdMap> parse(std::string_view text);

    /// The map of a task that shares the reader's user namespace.
    [[nodiscard]] static IdMap identity();

    /// @return nothing where the id has no counterpart
    [[nodiscard]] std::optional<std::uint32_t> to_inside(std::uint32_t host_id) const;
    [[nodiscard]] std::optional<std::uint32_t> to_host(std::uint32_t inside_id) const;

    [[nodiscard]] const std::vector<IdMapRange>& ranges() const noexcept { return ranges_; }
    friend bool operator==(const IdMap&, const IdMap&) = default;

  private:
    std::vector<IdMapRange> ranges_;
};

}  // namespace nsutil
