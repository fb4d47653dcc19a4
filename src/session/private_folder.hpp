#pragma once
/// @file
/// A folder of root's alone for small files that are replaced whole.

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall {

/// An open folder that root owns and nobody else may write to, and files in it of which the same holds.
///
/// Files are replaced by rename, so that a reader never sees half a one; nothing is synchronised to disk,
/// since what is kept here does not outlive the kernel either.
class PrivateFolder {
  public:
    /// @errors ENOENT there is none; EPERM it is not root's alone; those of open(2)
    [[nodiscard]] static nsutil::Result<PrivateFolder> open(const std::string& path);
    /// Makes it (mode 0700), and the folder that it is in (0755), where they are missing.
    [[nodiscard]] static nsutil::Result<PrivateFolder> open_or_make(const std::string& path);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] bool has(const std::string& name) const;

    /// Reads one file. Nothing but a regular file of root's keeps the caller, or is read.
    /// @errors ENOENT; EPERM it is not root's alone; EINVAL it is no file; EFBIG it is longer than `limit`
    [[nodiscard]] nsutil::Result<std::string> read(const std::string& name, std::size_t limit) const;
    /// The same for what is to be wiped.
    [[nodiscard]] nsutil::Result<nsutil::SecretBytes> read_secret(const std::string& name,
                                                                  std::size_t limit) const;
    /// Writes a file (mode 0600), in place of one of that name.
    [[nodiscard]] nsutil::Result<void> replace(const std::string& name,
                                               std::span<const std::byte> bytes) const;
    /// One that is gone already is no error.
    void remove(const std::string& name) const;

    /// Calls `visit` for each name until it says false.
    void each_name(const std::function<bool(const char*)>& visit) const;
    /// Where there are more than `most` files: removes the oldest, to three quarters of `most`, so that this
    /// does not happen at each new file.
    void prune(std::size_t most) const;

  private:
    explicit PrivateFolder(nsutil::UniqueFd fd) : fd_(std::move(fd)) {}
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> open_file(const std::string& name) const;

    nsutil::UniqueFd fd_;
};

}  // namespace nsupcall
