#pragma once
/// @file
/// The root file system of a node, seen from a container that has it mounted somewhere.

#include <sys/types.h>

#include <string>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::admin {

/// A folder that is some machine's `/`. Paths are that machine's own, and so are the symbolic links on the
/// way: an absolute one, as `/sbin` may be, stays below the folder.
class NodeRoot {
  public:
    /// @errors those of open(2); ENOTDIR
    [[nodiscard]] static nsutil::Result<NodeRoot> open(const std::string& folder);

    [[nodiscard]] int fd() const noexcept { return root_.get(); }

    /// Opens what `path` names on the machine.
    /// @errors those of openat2(2); ENOSYS before Linux 5.6
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> open_at(const std::string& path, int flags,
                                                           mode_t mode = 0) const;

    /// Opens a folder, and makes it (mode 0755) with all above it where it is missing.
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> make_folder(const std::string& path) const;

    /// The whole of a file. @errors EFBIG longer than `limit`
    [[nodiscard]] nsutil::Result<std::string> read(const std::string& path, std::size_t limit) const;

    /// Whether it is there and, where it is a program, may be executed.
    [[nodiscard]] bool has(const std::string& path) const;
    [[nodiscard]] bool has_program(const std::string& path) const;

    /// Whether the file system that `path` is on, or would be made on, takes changes.
    /// @errors EROFS it does not
    [[nodiscard]] nsutil::Result<void> check_writable(const std::string& path) const;

  private:
    explicit NodeRoot(nsutil::UniqueFd root) : root_(std::move(root)) {}
    nsutil::UniqueFd root_;
};

/// Puts `content` in place of the file `name` of the folder at once: nobody sees a part of it, and a machine
/// that loses its power has the one or the other.
[[nodiscard]] nsutil::Result<void> replace_file(int folder_fd, const std::string& name,
                                                const std::string& content, mode_t mode);

/// Puts a symbolic link in place of whatever `name` is, at once.
[[nodiscard]] nsutil::Result<void> replace_link(int folder_fd, const std::string& name,
                                                const std::string& target);

/// Writes all of a new file: mode, content, fsync(2). @errors EEXIST
[[nodiscard]] nsutil::Result<void> write_new_file(int folder_fd, const std::string& name,
                                                  const std::string& content, mode_t mode);

}  // namespace nsupcall::admin
