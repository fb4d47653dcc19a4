#pragma once
/// @file
/// The worker's seccomp program, generated when the project is built.

#include <linux/filter.h>

#include <span>

namespace nsupcall {

/// An allow-list of what libkrb5, glibc's resolver and this project need once the boundary is behind.
///
/// Memory can never become executable, and no file can be mapped (EACCES). What a library may try and do without fails with EPERM;
/// what nothing in a worker should ever try (exec, fork, ptrace, setns, mount, bpf, ...) raises SIGSYS.
/// See filter/generate_worker_filter.cpp for the list.
/// @param with_gssproxy  also what gssproxy's interposer needs to talk to its daemon
[[nodiscard]] std::span<const sock_filter> worker_filter(bool with_gssproxy = false);

}  // namespace nsupcall
