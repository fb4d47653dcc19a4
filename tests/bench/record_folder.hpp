#pragma once
/// @file
/// Where our sides keep what they remember of an upcall: with --test-type they would remember nothing, and
/// seem faster than they are.

#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/result.hpp"

namespace nsupcall::bench {

/// A folder in a tmpfs, as that of production is; removed when the object or the process ends.
class RecordFolder {
  public:
    [[nodiscard]] static nsutil::Result<RecordFolder> create();
    RecordFolder(RecordFolder&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
    RecordFolder& operator=(RecordFolder&&) = delete;
    RecordFolder(const RecordFolder&) = delete;
    RecordFolder& operator=(const RecordFolder&) = delete;
    ~RecordFolder();

    [[nodiscard]] std::filesystem::path sessions() const { return path_ / "sessions"; }
    /// "--session-dir=..." and "--history-dir=...".
    [[nodiscard]] std::vector<std::string> options() const;

  private:
    explicit RecordFolder(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

}  // namespace nsupcall::bench
