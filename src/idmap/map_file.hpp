#pragma once
/// @file
/// The static map file, nsupcall-idmap(5).

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "idmap/id_question.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// One line: "user|group|both <SID>[..<last RID>] <first id>".
struct MapLine {
    bool users = false, groups = false;
    Sid first;               ///< SID of the first id
    std::uint32_t last_rid = 0;  ///< the RID of `first` where the line names one SID
    std::uint32_t first_id = 0;

    [[nodiscard]] bool serves(IdKind kind) const { return kind == IdKind::user ? users : groups; }
};

/// A parsed map file. Where several lines fit, the first one counts, in either direction.
class MapFile {
  public:
    static constexpr std::size_t kTextLimit = 1024 * 1024;  ///< bytes
    static constexpr std::size_t kLinesMost = 10000;        ///< that say something

    /// @errors EINVAL with the number of the line that is wrong; EFBIG past a limit
    [[nodiscard]] static nsutil::Result<MapFile> parse(std::string_view text);

    /// @return nothing where no line fits
    [[nodiscard]] std::optional<IdOrSid> find(const IdQuestion& question) const;

    [[nodiscard]] const std::vector<MapLine>& lines() const noexcept { return lines_; }

  private:
    std::vector<MapLine> lines_;
};

}  // namespace nsupcall
