#pragma once
/// @file
/// The half of the container maker that runs inside the new namespaces. Not for tests.

#include "support/container.hpp"

namespace nsupcall::test::inside {

/// The clone(2) flags of the process's own namespaces; without the outer user namespace where one is nested.
[[nodiscard]] int clone_flags(const ContainerSpec& spec);

/// fork with namespaces: clone(2) with no new stack. 0 in the child.
[[nodiscard]] pid_t clone_process(int flags);

/// Writes both maps of `pid`. setgroups stays allowed, as container managers leave it.
[[nodiscard]] nsutil::Result<void> write_maps(pid_t pid, const UserNamespaceSpec& maps);

/// Ids of the caller in a user namespace just entered: the first mapped ones, with all capabilities kept.
[[nodiscard]] nsutil::Result<void> become_first_mapped(const UserNamespaceSpec& maps);

/// Network, mounts, files, root directory, ids, then the requester program. `control` is its fd 3.
/// Returns only on failure.
[[nodiscard]] nsutil::Result<void> become_requester(const ContainerSpec& spec, int requester_fd, int control);

/// Writes a file with its folders, by the path as the caller sees it.
[[nodiscard]] nsutil::Result<void> put_file(const ContainerFile& file, const std::string& path);

/// Takes the ids for good; with uid 0 the capabilities that it has there stay.
[[nodiscard]] nsutil::Result<void> take_ids(std::uint32_t uid, std::uint32_t gid,
                                            const std::vector<std::uint32_t>& groups);

}  // namespace nsupcall::test::inside
