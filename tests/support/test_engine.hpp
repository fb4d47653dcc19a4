#pragma once
/// @file
/// Engines of this test process's own.

#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "support/process.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// Whether NSUPCALL_TEST_ENGINE=1 is set: rules for the helper are served by a front end and an engine.
[[nodiscard]] bool tests_run_with_engine();

/// The children that a process has now.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

/// Whether a process is a worker that has crossed the boundary: one that waits has a seccomp program, too.
[[nodiscard]] bool is_sealed(pid_t pid);

/// A running engine; ends with this object.
class TestEngine {
  public:
    /// Starts one and waits until it listens.
    /// @param options  of the engine, besides its socket
    /// @param folder   where its folder with the socket is made; empty: a new one below /tmp
    [[nodiscard]] static nsutil::Result<TestEngine> start(const std::vector<std::string>& options,
                                                          std::filesystem::path folder = {},
                                                          std::vector<std::string> environment = {});
    [[nodiscard]] std::string socket() const { return (folder_ / "engine/socket").string(); }
    [[nodiscard]] pid_t pid() const { return daemon_.pid(); }
    /// Its children that there are now.
    [[nodiscard]] std::vector<pid_t> servants() const { return children("servant"); }
    /// Those that wait, for a servant or with one, and those at work.
    [[nodiscard]] std::vector<pid_t> workers() const { return children("worker"); }
    [[nodiscard]] std::vector<pid_t> children() const { return children_of(pid()); }
    /// Where its program's code lies; another one after it began anew.
    [[nodiscard]] std::string layout() const;
    void stop() { daemon_.stop(); }

  private:
    [[nodiscard]] std::vector<pid_t> children(const std::string& name) const;

    TestEngine(TempDir own, std::filesystem::path folder, Daemon daemon)
        : own_(std::move(own)), folder_(std::move(folder)), daemon_(std::move(daemon)) {}
    TempDir own_;
    std::filesystem::path folder_;
    Daemon daemon_;
};

/// The front end as it lies in the build, beside the helper that it may become.
[[nodiscard]] std::filesystem::path front_path();

/// The socket of the engine that serves rules for `program`; empty where the program serves itself. The
/// engine is started when it is first asked for, and ends with this process.
[[nodiscard]] nsutil::Result<std::string> engine_for(const std::filesystem::path& program);

}  // namespace nsupcall::test
