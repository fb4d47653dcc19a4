#pragma once
/// @file
/// The agent's half that reads the node: it has no network socket.

#include <string>

#include "admin/agent_counters.hpp"
#include "admin/agent_metrics.hpp"
#include "admin/agent_snapshot.hpp"

namespace nsupcall::admin {

struct CollectorOptions {
    std::string root = "/";  ///< the node's files are below it
    unsigned interval_s = 15;
    std::size_t series_most = 2'000;
};

/// Collects, again and again, and makes texts of it.
class Collector {
  public:
    explicit Collector(const CollectorOptions& options);

    void collect();
    [[nodiscard]] const Collection& last() const { return collection_; }
    [[nodiscard]] std::string metrics() const;
    [[nodiscard]] Snapshot snapshot() const;

  private:
    [[nodiscard]] std::string below_root(const std::string& path) const;
    void read_rules();

    CollectorOptions options_;
    History history_;
    MapOptions map_options_;
    AgentFacts facts_;
    UpcallCounters counters_;
    Collection collection_;
};

}  // namespace nsupcall::admin
