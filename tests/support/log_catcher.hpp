#pragma once
/// @file
/// What the helpers log, caught where no syslog daemon runs.

#include <string>
#include <vector>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// Binds /dev/log where nothing is there, for the messages of failed tests. Never an error: on a machine
/// with a journal or a syslog daemon (or another test run that catches) this catches nothing.
class LogCatcher {
  public:
    LogCatcher();
    LogCatcher(const LogCatcher&) = delete;
    LogCatcher& operator=(const LogCatcher&) = delete;
    ~LogCatcher();

    /// The records that came since the last call and hold `word`.
    [[nodiscard]] std::vector<std::string> take(const std::string& word);

  private:
    nsutil::UniqueFd socket_;
};

}  // namespace nsupcall::test
