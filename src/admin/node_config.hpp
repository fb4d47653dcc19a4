#pragma once
/// @file
/// Rules of nsupcall.conf(5) that a node is given from a ConfigMap.

#include <string>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// Files `/etc/nsupcall.conf.d/node-install-*.conf` of a node.
class NodeConfig {
  public:
    static constexpr const char *kFolder = "/etc/nsupcall.conf.d", *kPrefix = "node-install-";
    static constexpr std::size_t kFilesMost = 32, kFileBytesMost = 64 * 1024;

    /// @param scratch  a folder of the node to try files in
    NodeConfig(const NodeRoot& node, std::string scratch) : node_(node), scratch_(std::move(scratch)) {}

    /// The `*.conf` of a folder of this container, in place of those that came this way before.
    /// @param folder  may be missing: then there are none
    /// @errors EFBIG; EINVAL one that nsupcall(8) would complain about; nothing is changed then
    [[nodiscard]] nsutil::Result<void> install(const std::string& folder) const;
    /// Takes all of them away.
    [[nodiscard]] nsutil::Result<void> remove() const;

  private:
    struct File {
        std::string name, content;
    };
    [[nodiscard]] nsutil::Result<void> check(const std::vector<File>& wanted) const;
    [[nodiscard]] nsutil::Result<void> replace(const std::vector<File>& wanted) const;

    const NodeRoot& node_;
    std::string scratch_;
};

}  // namespace nsupcall::admin
