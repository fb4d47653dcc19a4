#pragma once
/// @file
/// The things that a host has more and more of.

#include <memory>
#include <string>
#include <vector>

#include "bench/record_folder.hpp"
#include "bench/scenario.hpp"
#include "nsutil/result.hpp"

namespace nsupcall::bench {

/// One of them. Whatever was made is gone with the object, or with the process.
class GrowthAxis {
  public:
    GrowthAxis() = default;
    GrowthAxis(const GrowthAxis&) = delete;
    GrowthAxis& operator=(const GrowthAxis&) = delete;
    virtual ~GrowthAxis() = default;

    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::string title() const = 0;
    /// Ascending.
    [[nodiscard]] virtual std::vector<unsigned> sizes() const = 0;
    /// Of our side, and of its engine, for the whole axis.
    [[nodiscard]] virtual std::vector<std::string> options() const { return {}; }
    /// Makes more, until there are `size` besides what the host had. Never fewer.
    [[nodiscard]] virtual nsutil::Result<void> grow_to(unsigned size) = 0;
    /// Back to none.
    [[nodiscard]] virtual nsutil::Result<void> shrink() = 0;
};

/// keys, processes, namespaces, mounts, sessions, rules.
///
/// @param scenario  its container gets the mounts; borrowed
/// @param records   where our side keeps sessions; borrowed
[[nodiscard]] std::vector<std::unique_ptr<GrowthAxis>> growth_axes(const Scenario& scenario,
                                                                   const RecordFolder& records);

}  // namespace nsupcall::bench
