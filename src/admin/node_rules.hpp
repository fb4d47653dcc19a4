#pragma once
/// @file
/// request-key's rules on a node.

#include <string>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// The file `/etc/request-key.d/nsupcall.conf` of a node. Another one of that name (a package's, an
/// administrator's) is set aside and comes back.
class NodeRules {
  public:
    static constexpr const char *kFolder = "/etc/request-key.d", *kFile = "nsupcall.conf",
                                *kSetAside = "nsupcall.conf.before-node-install";

    explicit NodeRules(const NodeRoot& node) : node_(node) {}

    /// The rules with the helpers below `sbin`.
    /// @param pattern  the bundle's own file, whose helpers are below /nsupcall/sbin
    [[nodiscard]] static std::string text_for(const std::string& pattern, const std::string& sbin);

    /// Puts the rules in place, at once.
    [[nodiscard]] nsutil::Result<void> install(const std::string& text) const;
    /// Takes them away, and brings back what was there before. Nothing happens where the file is not ours.
    [[nodiscard]] nsutil::Result<void> remove() const;
    /// What is there of ours; empty where nothing is.
    [[nodiscard]] std::string installed() const;

  private:
    const NodeRoot& node_;
};

}  // namespace nsupcall::admin
