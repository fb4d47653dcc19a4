#pragma once
/// @file
/// The agent's metrics as Prometheus reads them. docs/AGENT.md names them all.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/agent_counters.hpp"
#include "admin/node_map.hpp"

namespace nsupcall::admin {

/// What one collection found.
struct Collection {
    NodeMap map;
    bool map_up = false;  ///< /proc could be read
    bool history_up = false;
    bool rules_up = false;  ///< the rules could be read
    bool rules_installed = false;
    std::vector<std::pair<std::string, bool>>
        capabilities;  ///< those that can be used, and whether they are there
    std::int64_t took_us = 0;
    std::uint64_t number = 0;  ///< since the start

    /// Why the node is not ready, a line each; empty where it is.
    [[nodiscard]] std::vector<std::string> objections() const;
    /// Every source could be read.
    [[nodiscard]] bool complete() const;
};

struct AgentFacts {
    std::int64_t started = 0;  ///< Unix time
    unsigned interval_s = 15;
    std::size_t series_most = 2'000;
};

/// All but what the server counts itself, see MetricsText.
[[nodiscard]] std::string metrics_text(const UpcallCounters& counters, const Collection& collection,
                                       const AgentFacts& facts);

}  // namespace nsupcall::admin
