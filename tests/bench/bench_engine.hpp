#pragma once
/// @file
/// The engine of this build as one of the programs that are compared.

#include <string>
#include <vector>

#include "bench/side.hpp"
#include "support/temp_dir.hpp"
#include "support/test_engine.hpp"

namespace nsupcall::bench {

/// A running engine with a socket of its own, and the front end that asks it.
///
/// The front end lies alone in a folder: where the engine does not answer it cannot become the helper, and
/// the key is rejected, so that nothing is measured but the engine.
class BenchEngine {
  public:
    /// What its processes get from the scheduler.
    enum class Priority : std::uint8_t {
        real_time,  ///< as the launcher gives it to helpers: half of the work is done by the engine's
                    ///< children
        normal,     ///< as in production
    };

    /// @param options      of the engine, e.g. "--idle=16"
    /// @param environment  "NAME=value", of the engine
    [[nodiscard]] static nsutil::Result<BenchEngine> start(Priority priority,
                                                           const std::vector<std::string>& options = {},
                                                           std::vector<std::string> environment = {});

    [[nodiscard]] SideSpec side(std::string name) const;
    /// The engine and its children.
    [[nodiscard]] std::vector<pid_t> processes() const;
    [[nodiscard]] const test::TestEngine& engine() const { return engine_; }
    void stop() { engine_.stop(); }

  private:
    BenchEngine(test::TempDir folder, test::TestEngine engine)
        : folder_(std::move(folder)), engine_(std::move(engine)) {}
    test::TempDir folder_;
    test::TestEngine engine_;
};

}  // namespace nsupcall::bench
