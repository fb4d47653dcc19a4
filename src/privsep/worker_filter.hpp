#pragma once
/// @file
/// The worker's seccomp programs, generated when the project is built.

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

/// The same in two steps, for workers that are forked ahead: installing a program takes the kernel some 120
/// us, most of it to find out which calls it always allows. A second program is asked only about those that
/// the first one does.
///
/// The first allows what worker_filter() does, and what a process does from the fork of a worker to the end
/// of the boundary: fork, ids, namespaces, walls, but no program, no mount, no other process, no file mapped.
/// gssproxy's interposer can therefore not be loaded behind it.
[[nodiscard]] std::span<const sock_filter> boundary_filter();

/// The second takes the boundary's calls away again. Both together decide as worker_filter() about any call
/// with any arguments; this one by itself is no wall.
[[nodiscard]] std::span<const sock_filter> last_filter();

}  // namespace nsupcall
