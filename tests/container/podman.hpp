#pragma once
/// @file
/// podman with storage of its own, rootful or rootless.

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// One podman: images, containers and secrets below a folder of tests/container/run.
class Podman {
  public:
    /// @param rootless  as the user `nsupcall-test`, who has subordinate ids
    explicit Podman(bool rootless);

    /// Runs `podman ARGUMENTS`. @errors EIO with what it said
    [[nodiscard]] nsutil::Result<std::string> run(const std::vector<std::string>& arguments) const;

    /// Makes the image kImage from the base image.
    [[nodiscard]] nsutil::Result<void> import_base() const;
    static constexpr const char* kImage = "localhost/nsupcall-base:latest";

    /// Puts a file into a running container, from the inside: mode 0600, of the container's user.
    [[nodiscard]] nsutil::Result<void> put(const std::string& container, const std::string& path,
                                           const std::string& content) const;

    /// The first process of a container, in the initial pid namespace.
    [[nodiscard]] nsutil::Result<pid_t> process_of(const std::string& container) const;
    /// The id, 64 hexadecimal digits.
    [[nodiscard]] nsutil::Result<std::string> id_of(const std::string& container) const;

    /// Removes all containers, pods and secrets.
    void remove_all() const;

    /// A folder that this podman's user may read.
    [[nodiscard]] std::string folder() const { return folder_; }

  private:
    bool rootless_;
    std::string scratch_, folder_;
};

/// Bytes as base64 (RFC 4648).
[[nodiscard]] std::string base64(const std::string& bytes);

}  // namespace nsupcall::test
