#pragma once
/// @file
/// Puts nsupcall on a node from inside a container, all of it or nothing, and takes it away again.

#include <cstdint>
#include <string>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// What a node has come to. Names in text: node_state_name().
enum class NodeState : std::uint8_t {
    installed,    ///< the helpers answer
    unsupported,  ///< this node cannot be served; nothing was changed
    failed,       ///< something went wrong; what was there before is there again
    removed,      ///< nothing of ours is left
};
[[nodiscard]] const char* node_state_name(NodeState state);

struct NodeReport {
    NodeState state = NodeState::failed;
    std::string version;                ///< that in use
    std::vector<std::string> messages;  ///< what stands in the way, or what was done; for people
};

/// The installer for one node.
class NodeInstaller {
  public:
    static constexpr const char *kPrefix = "/opt/nsupcall", *kStatusFile = "node.json";

    /// @param prefix  where on the node the bundle goes: absolute, of plain characters
    NodeInstaller(const NodeRoot& node, std::string prefix) : node_(node), prefix_(std::move(prefix)) {}

    /// What makes this node one that cannot be served; empty where nothing does. Changes nothing.
    [[nodiscard]] std::vector<std::string> obstacles() const;

    /// Checks the node, copies the bundle, tries it, switches to it, installs the rules, checks the whole.
    /// Whatever fails is undone. An upgrade is the same.
    /// @param config_folder  *.conf for the node's /etc/nsupcall.conf.d; may be missing
    /// @param engine  also the resident engine, where the node has a systemd to start it; a node without one,
    ///                or where that fails, is installed all the same, and the report says so
    [[nodiscard]] NodeReport install(const std::string& bundle_folder, const std::string& config_folder,
                                     bool engine) const;

    /// Rules first, then the programs when nobody can be using them any more.
    /// @param wait_seconds  how long upcalls that began before may take
    [[nodiscard]] NodeReport uninstall(int wait_seconds) const;

    /// What is there now.
    [[nodiscard]] NodeReport status() const;

    /// The report as JSON, into the prefix's node.json where that can be written.
    void record(const NodeReport& report) const;

  private:
    [[nodiscard]] nsutil::Result<std::string> try_install(const std::string& bundle_folder,
                                                          const std::string& config_folder) const;

    const NodeRoot& node_;
    std::string prefix_;
};

/// @return one line of JSON: state, version, messages, time
[[nodiscard]] std::string to_json(const NodeReport& report);

}  // namespace nsupcall::admin
