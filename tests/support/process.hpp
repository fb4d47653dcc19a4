#pragma once
/// @file
/// Running programs from tests.

#include <sys/types.h>

#include <chrono>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// What to run, and where.
struct Command {
    std::vector<std::string> argv{};         ///< argv[0] is looked up in PATH
    std::vector<std::string> environment{};  ///< "NAME=value"; the whole of it, besides PATH
    int netns_fd = -1;                       ///< network namespace to enter first; -1 for the caller's
    std::string log_file{};                  ///< where output goes instead of the result; for daemons
    std::chrono::seconds limit{30};          ///< then it is killed and the run fails with ETIMEDOUT
};

/// How a program ended, and its standard output and error together.
struct Finished {
    int exit_code = 0;  ///< 128 + signal where one ended it
    std::string output;
};

/// Runs a program to its end.
[[nodiscard]] nsutil::Result<Finished> run_program(const Command& command);

/// Like run_program, and any exit code but 0 is a failure (EIO) that quotes the output.
[[nodiscard]] nsutil::Result<std::string> run_checked(const Command& command);

/// A program that runs until told to end; dies with this process.
class Daemon {
  public:
    [[nodiscard]] static nsutil::Result<Daemon> start(const Command& command);
    Daemon(Daemon&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    Daemon& operator=(Daemon&& other) noexcept {
        std::swap(pid_, other.pid_);
        return *this;
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    ~Daemon() { stop(); }

    [[nodiscard]] pid_t pid() const { return pid_; }
    /// True as long as the program has not ended by itself.
    [[nodiscard]] bool alive() const;
    /// SIGTERM, and SIGKILL after two seconds.
    void stop();

  private:
    explicit Daemon(pid_t pid) : pid_(pid) {}
    pid_t pid_ = -1;
};

}  // namespace nsupcall::test
