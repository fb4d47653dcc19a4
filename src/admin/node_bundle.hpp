#pragma once
/// @file
/// The bundle: programs with all that they load, and its copies on a node.

#include <sys/types.h>

#include <string>
#include <vector>

#include "admin/node_root.hpp"
#include "nsutil/result.hpp"

namespace nsupcall::admin {

/// One file of the bundle.
struct BundleFile {
    std::string folder;  ///< "sbin", "share/nsupcall"
    std::string name, content;
    mode_t mode = 0;  ///< 0644 or 0755
    friend bool operator==(const BundleFile&, const BundleFile&) = default;
};

/// The files of `sbin`, `libexec`, `lib` and `share`, in memory.
class Bundle {
  public:
    static constexpr std::size_t kFilesMost = 500, kFileBytesMost = std::size_t{64} << 20U;

    /// @param folder  as k8s/image/make-bundle makes it
    /// @errors those of open(2); EFBIG; ENOEXEC it holds no cifs.upcall
    [[nodiscard]] static nsutil::Result<Bundle> read(const std::string& folder);

    /// "0.1.0-1f2e3d4c5b6a7988": the version, and a digest of all that it holds.
    [[nodiscard]] std::string name() const;
    [[nodiscard]] const std::vector<BundleFile>& files() const { return files_; }

    /// The same with programs that name their loader below `folder`/lib.
    /// @errors ENAMETOOLONG `folder` does not fit into the room that make-bundle left
    [[nodiscard]] nsutil::Result<Bundle> moved_to(const std::string& folder) const;

    /// Whether `folder` of the node holds exactly these files.
    [[nodiscard]] bool is_at(const NodeRoot& node, const std::string& folder) const;

    /// Writes them below the new folder `name` of `above`, all synchronised. What was written stays on
    /// failure.
    [[nodiscard]] nsutil::Result<void> write(const NodeRoot& node, const std::string& folder) const;

  private:
    std::vector<BundleFile> files_;
};

}  // namespace nsupcall::admin
