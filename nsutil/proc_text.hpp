#pragma once
/// @file
/// Parsers for the text of /proc/<tid>/{status,stat,environ}. They touch no file.
///
/// @source Linux fs/proc/array.c (status, stat), Documentation/filesystems/proc.rst

#include <sys/types.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"

namespace nsutil {

inline constexpr std::size_t kStatusLimit = 1024 * 1024;  ///< bytes; 65,536 groups of 11 bytes fit
inline constexpr std::size_t kStatLimit = 4096;           ///< bytes; one line
inline constexpr std::size_t kEnvironLimit =
    6 * 1024 * 1024;  ///< bytes; the kernel's own limit for arguments and environment
inline constexpr std::size_t kGroupsMost = 65536;  ///< NGROUPS_MAX

/// The four ids of a task, in the user namespace of whoever opened the file.
struct TaskIds {
    std::uint32_t real = 0, effective = 0, saved = 0, filesystem = 0;
    [[nodiscard]] bool all(std::uint32_t id) const {
        return real == id && effective == id && saved == id && filesystem == id;
    }
};

/// What /proc/<tid>/status tells that an upcall needs.
struct TaskStatus {
    std::string name;  ///< comm; the task chose it, up to 15 bytes (escaped by the kernel)
    pid_t tgid = 0;    ///< process id (thread group leader)
    TaskIds uids, gids;
    std::vector<gid_t> groups;  ///< supplementary groups
    std::uint64_t cap_permitted = 0, cap_effective = 0, cap_bounding = 0, cap_ambient = 0,
                  cap_inheritable = 0;
    bool no_new_privs = false;
    int seccomp_mode = 0;  ///< 0 none, 1 strict, 2 filter
};

/// @errors EINVAL a line that is needed is absent or malformed
[[nodiscard]] Result<TaskStatus> parse_status(std::string_view text);

/// What /proc/<tid>/stat tells that an upcall needs.
struct TaskStat {
    std::string comm;
    char state = '?';  ///< 'R', 'S', 'D', 'Z', 'T', ...
    pid_t parent = 0;
    std::uint32_t flags = 0;        ///< PF_*
    std::uint64_t start_ticks = 0;  ///< start time in clock ticks after boot: with the tid it names one task
    /// A kernel thread (PF_KTHREAD 0x00200000, include/linux/sched.h).
    [[nodiscard]] bool is_kernel_thread() const { return (flags & 0x00200000U) != 0; }
};

/// The comm stands in parentheses and may itself hold parentheses, blanks and line ends: fields
/// are counted from the last ')'.
/// @errors EINVAL malformed
[[nodiscard]] Result<TaskStat> parse_stat(std::string_view text);

/// Finds `name` in the text of /proc/<pid>/environ (NUL-terminated "NAME=value" entries).
/// The first one counts, as getenv(3) has it.
[[nodiscard]] std::optional<std::string_view> find_in_environ(std::string_view environ_text,
                                                              std::string_view name);

/// Reads an unsigned number that fills `text` whole.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view text, int base = 10);

extern template std::optional<std::uint32_t> parse_number(std::string_view, int);
extern template std::optional<std::uint64_t> parse_number(std::string_view, int);

}  // namespace nsutil
