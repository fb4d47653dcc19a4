#pragma once
/// @file
/// The bundles that a node has: one folder each, and a link to the one in use.

#include <string>
#include <vector>

#include "admin/node_bundle.hpp"

namespace nsupcall::admin {

/// Below one folder of the node (the prefix):
///
///     versions/<name>/{sbin,lib,share}    never changed once it is there
///     current -> versions/<name>          switched by one rename(2)
///     node.json                           what the installer last came to
///
/// An upcall that begins through `current` stays in one version: its loader and its libraries are found from
/// the program's real place. So a former version is kept until nobody can be using it any more.
class NodeStore {
  public:
    /// How long a version stays after it was last in use: an upcall ends within its deadline (300 seconds at
    /// most).
    static constexpr int kKeptSeconds = 150;

    NodeStore(const NodeRoot& node, std::string prefix) : node_(node), prefix_(std::move(prefix)) {}

    [[nodiscard]] const std::string& prefix() const { return prefix_; }
    [[nodiscard]] std::string folder_of(const std::string& version) const {
        return prefix_ + "/versions/" + version;
    }
    /// A path below the version in use, whichever that is.
    [[nodiscard]] std::string current(const std::string& inner) const {
        return prefix_ + "/current/" + inner;
    }

    /// Waits for other installers of this node; released with the descriptor.
    [[nodiscard]] nsutil::Result<nsutil::UniqueFd> lock() const;

    /// The version in use; empty where there is none.
    [[nodiscard]] std::string version_in_use() const;

    /// Makes `bundle` one of the versions. Nothing is done where it is there and whole.
    /// @return its name
    [[nodiscard]] nsutil::Result<std::string> add(const Bundle& bundle) const;

    /// Puts it in use, or none where `version` is empty.
    [[nodiscard]] nsutil::Result<void> use(const std::string& version) const;

    /// Removes a version that is not in use. What cannot be removed stays.
    void remove(const std::string& version) const;
    /// Removes those that have not been in use for `seconds`, and what an interrupted run left.
    void prune(int seconds = kKeptSeconds) const;
    /// Removes everything.
    [[nodiscard]] nsutil::Result<void> remove_all() const;

  private:
    [[nodiscard]] std::vector<std::string> versions() const;

    const NodeRoot& node_;
    std::string prefix_;
};

}  // namespace nsupcall::admin
