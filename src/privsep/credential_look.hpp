#pragma once
/// @file
/// What users have in their ccaches, read in sealed children, several at once: for who shows it, not for
/// keys.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "nsutil/deadline.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

/// Whose ccaches are looked at, and where.
struct LookTarget {
    pid_t tgid = 0;              ///< a process of the place; its environment counts where it is the user's
    std::uint32_t host_uid = 0;  ///< the user, as the host has the id
    std::string host{};          ///< the server whose mounts it is about, for the rules; may be empty
    std::string address{}, user{};
};

/// What was found.
struct Look {
    bool looked = false;       ///< false: `problem` says why nothing is known
    std::string problem{};     ///< in plain words; not escaped
    int code = 0;              ///< errno of the problem
    bool out_of_time = false;  ///< nobody came to look at this one
    std::string rule{};        ///< that matched; empty for none
    std::optional<std::uint32_t> inside_uid{};
    Trace
        trace{};  ///< each cache with its verdict, the one that an upcall would use first; of hostile origin
};

struct LookOptions {
    std::string config;        ///< rules; empty for none
    unsigned at_once = 0;      ///< children at work; 0: as many as suit the machine
    unsigned each_ms = 1'500;  ///< patience with one of them
};

/// Looks at all targets, in their order, and hands each one's outcome to `done(index, look)` as it comes.
/// Who was not begun when `deadline` passes is out_of_time; who was has its patience all the same. Asks no
/// KDC. The same engine as an upcall's: boundary, rules, order of sources.
void look_at_credentials(std::span<const LookTarget> targets, const LookOptions& options,
                         const nsutil::Deadline& deadline,
                         const std::function<void(std::size_t, Look)>& done);

}  // namespace nsupcall
