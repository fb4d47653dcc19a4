#pragma once
/// @file
/// A side run through the launcher, which gives it real-time priority and times it.

#include <filesystem>
#include <string>

#include "bench/scenario.hpp"
#include "bench/side.hpp"

namespace nsupcall::bench {

/// What one question to it came to.
struct LaunchedAnswer {
    double waited = 0;      ///< microseconds, as the requester waited
    double lived = 0;       ///< microseconds, from the program's execve to its end
    std::string problem{};  ///< why it is no answer, e.g. "ENOKEY"; the times say nothing then
};

/// A side whose rule is installed.
class LaunchedSide {
  public:
    /// @param number    as Side::token_pattern() wants it
    /// @param scenario  who asks; borrowed, as `realm`
    /// @param launcher  the program
    [[nodiscard]] static nsutil::Result<LaunchedSide> install(const SideSpec& spec, const Scenario& scenario,
                                                              const test::Realm& realm, unsigned number,
                                                              const std::string& launcher);

    /// @param whole  the token is looked at as well; else only whether there is a key, or none where none can
    ///               be
    /// @errors  EPROTO the launcher wrote nothing down
    [[nodiscard]] nsutil::Result<LaunchedAnswer> ask(bool whole = false) const;
    [[nodiscard]] const SideSpec& spec() const { return spec_; }

  private:
    LaunchedSide(SideSpec spec, Side side, const Scenario& scenario, const test::Realm& realm,
                 unsigned number, std::filesystem::path report)
        : spec_(std::move(spec)),
          side_(std::move(side)),
          scenario_(&scenario),
          realm_(&realm),
          number_(number),
          report_(std::move(report)) {}
    SideSpec spec_;
    Side side_;
    const Scenario* scenario_;
    const test::Realm* realm_;
    unsigned number_;
    std::filesystem::path report_;
};

}  // namespace nsupcall::bench
