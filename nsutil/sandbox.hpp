#pragma once
/// @file
/// Walls around the calling process: no_new_privs, resource limits, Landlock, a seccomp program.
/// The only file that installs a seccomp filter.

#include <linux/filter.h>

#include <cstdint>
#include <span>

namespace nsutil {

/// Bounds for a process that reads hostile files.
struct SandboxLimits {
    std::uint64_t address_space_bytes;
    std::uint64_t file_bytes;
    std::uint64_t open_files;
    std::uint64_t cpu_seconds;
};

/// Puts /dev/null, as the caller's mounts have it, in the place of standard input, output and error: what
/// they are is the business of whoever started the parent. @return 0 or an errno
[[nodiscard]] int detach_standard_streams();

/// Closes every descriptor but those in `keep` (sorted ascending) that is above 2.
/// @return 0 or an errno
[[nodiscard]] int close_all_but(std::span<const int> keep);

/// Sets hard limits, or keeps lower ones that are there already; core dumps and new processes are limited
/// to none. @return 0 or an errno
[[nodiscard]] int set_limits(const SandboxLimits& limits);

/// @return 0 or an errno
[[nodiscard]] int set_no_new_privs();

/// What ps(1) calls this task; 15 bytes count. @return 0 or an errno
[[nodiscard]] int set_name(const char* name);

/// Kills the caller when its parent thread ends, and keeps others from tracing or dumping it. Both are
/// undone by the kernel when ids change, so this is called again after that.
/// @return 0 or an errno
[[nodiscard]] int bind_to_parent();

/// Confines file access with Landlock: everything below `read_root_fd` can be read, and what lies
/// below a directory of `write_dir_fds` can be written, created and removed as well. Nothing can be
/// executed, no device or other special file made, no TCP port bound, no abstract socket connected to, and
/// no process outside signalled.
/// @return 0; ENOSYS or EOPNOTSUPP where this kernel has no Landlock; another errno
[[nodiscard]] int restrict_files(int read_root_fd, std::span<const int> write_dir_fds);

/// Installs a seccomp program; needs no_new_privs. @return 0 or an errno
[[nodiscard]] int install_seccomp(std::span<const sock_filter> program);

/// Tries to get executable memory in both ways. @return true if one worked (the caller must abort)
[[nodiscard]] bool can_map_executable();

}  // namespace nsutil
