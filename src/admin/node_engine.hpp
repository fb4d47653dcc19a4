#pragma once
/// @file
/// The resident engine (nsupcall-engine(8)) on a node: units of the node's own systemd. It cannot run in a
/// pod, since what it takes for the host's namespaces are its own.

#include <string>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// The engine's units on one node. The helpers answer with and without it.
class NodeEngine {
  public:
    static constexpr const char* kFolder = "/etc/systemd/system";

    /// @param program  the engine, by the path that stays the same over upgrades
    NodeEngine(const NodeRoot& node, std::string program) : node_(node), program_(std::move(program)) {}

    /// Puts the units in place, enabled, and has systemd take them up.
    /// @param upgraded  one that runs is of a former version: it is ended, and the next request starts the
    /// new one
    /// @errors ENOSYS no systemd runs there; EEXIST the units are somebody else's; EREMOTEIO they are in
    /// place,
    ///         but systemctl(1) failed: they begin with the next boot; those of open(2), write(2)
    [[nodiscard]] nsutil::Result<void> install(bool upgraded) const;

    /// Ends it and removes the units. Nothing is done where there are none of ours.
    /// @errors those of unlink(2)
    [[nodiscard]] nsutil::Result<void> remove() const;

    /// Whether units of ours are there.
    [[nodiscard]] bool installed() const;

  private:
    [[nodiscard]] nsutil::Result<void> put_units() const;

    const NodeRoot& node_;
    std::string program_;
};

}  // namespace nsupcall::admin
