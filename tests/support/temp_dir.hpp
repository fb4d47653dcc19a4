#pragma once
/// @file
/// A folder that goes away.

#include <filesystem>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// Owns a new folder `/tmp/nsupcall-test-<pid>-XXXXXX`, mode 0711, removed with all it holds on destruction
/// and when the process is killed.
class TempDir {
  public:
    [[nodiscard]] static nsutil::Result<TempDir> create();
    TempDir(TempDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}
    TempDir& operator=(TempDir&& other) noexcept {
        std::swap(path_, other.path_);
        return *this;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir();

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    explicit TempDir(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

/// Writes `content` to a new or truncated file with exactly this mode and owner.
[[nodiscard]] nsutil::Result<void> write_file(const std::filesystem::path& path, std::string_view content,
                                              mode_t mode = 0600, uid_t uid = 0, gid_t gid = 0);

/// All of a file, up to 64 MiB.
[[nodiscard]] nsutil::Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace nsupcall::test
