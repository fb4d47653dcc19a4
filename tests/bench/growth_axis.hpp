#pragma once
/// @file
/// The things that a host has more and more of.

#include <cerrno>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/record_folder.hpp"
#include "bench/scenario.hpp"
#include "nsutil/result.hpp"
#include "support/realm.hpp"

namespace nsupcall::bench {

/// Who asks, and how our side is called there.
struct GrowthPlace {
    const Scenario* scenario = nullptr;         ///< borrowed from the axis or from its maker
    std::vector<std::string> side_options{};    ///< of the helper or front end
    std::vector<std::string> engine_options{};  ///< of an engine of its own; none: any engine serves
};

/// One of them. Whatever was made is gone with the object, or with the process.
class GrowthAxis {
  public:
    explicit GrowthAxis(GrowthPlace usual) : usual_(std::move(usual)) {}
    GrowthAxis(const GrowthAxis&) = delete;
    GrowthAxis& operator=(const GrowthAxis&) = delete;
    virtual ~GrowthAxis() = default;

    [[nodiscard]] virtual std::string name() const = 0;
    [[nodiscard]] virtual std::string title() const = 0;
    /// Ascending.
    [[nodiscard]] virtual std::vector<unsigned> sizes() const = 0;

    /// Whether sizes can be there at the same time, each in a place of its own; else the host has one, which
    /// grows and shrinks.
    [[nodiscard]] virtual bool side_by_side() const = 0;
    /// Side by side: makes a place with that many; else the only one.
    [[nodiscard]] virtual nsutil::Result<GrowthPlace> place([[maybe_unused]] unsigned size) { return usual_; }
    /// On the host: makes more, until there are `size` besides what it had. Never fewer.
    [[nodiscard]] virtual nsutil::Result<void> grow_to([[maybe_unused]] unsigned size) {
        return nsutil::fail(EOPNOTSUPP, name());
    }
    /// On the host: back to none.
    [[nodiscard]] virtual nsutil::Result<void> shrink() { return nsutil::fail(EOPNOTSUPP, name()); }

  protected:
    [[nodiscard]] const GrowthPlace& usual() const { return usual_; }

  private:
    GrowthPlace usual_;
};

/// keys, processes, namespaces, mounts, sessions, rules.
///
/// @param scenario  a requester; borrowed
/// @param records   where our side keeps sessions; borrowed
/// @param realm     for more requesters; borrowed
[[nodiscard]] std::vector<std::unique_ptr<GrowthAxis>> growth_axes(const Scenario& scenario,
                                                                   const RecordFolder& records,
                                                                   test::Realm& realm);

}  // namespace nsupcall::bench
