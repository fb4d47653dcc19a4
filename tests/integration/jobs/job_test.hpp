#pragma once
/// @file
/// The fixture of tests that ask the running kernel for anything but a token: by processes inside containers.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "support/container.hpp"
#include "support/log_catcher.hpp"
#include "support/must.hpp"
#include "support/process.hpp"
#include "support/request_rule.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// What one request_key(2) brought.
struct JobAnswer {
    int error = 0;         ///< errno of request_key(2), or of reading the key
    bool has_key = false;  ///< there is a key, readable or not
    std::string payload;
    std::int32_t serial = 0;
    std::string timeout;  ///< as /proc/keys has it: "perm", "59s", "9m"
    std::int64_t elapsed_ms = 0;

    /// "ENOKEY", or the payload's text.
    [[nodiscard]] std::string text() const;
};

/// One request.
struct JobRequest {
    std::string type = "user";
    std::string description{};
    std::string callout{};
};

/// Asks from this very process, which should be a forked child with a session keyring of its own.
[[nodiscard]] JobAnswer ask_here(const JobRequest& request);

class JobTest : public testing::Test {
  protected:
    void SetUp() override;
    void TearDown() override;

    /// A word that no other test and no other run uses: part of descriptions, so of rules' patterns.
    [[nodiscard]] static std::string unique_word();
    /// A user id of the host that owns nothing there; `n` up to 63.
    [[nodiscard]] static std::uint32_t unused_uid(std::uint32_t n = 0);

    /// Installs a rule. "%k" is added to the arguments.
    void add_rule(const std::string& type, const std::string& pattern, const std::string& program,
                  const std::vector<std::string>& options);

    /// Asks in a forked child of this process, as root of the host.
    [[nodiscard]] JobAnswer ask(const JobRequest& request);
    /// Asks inside a container, with ids of the container's.
    [[nodiscard]] JobAnswer ask_in(const Container& container, const JobRequest& request,
                                   std::uint32_t uid = 0, std::uint32_t gid = 0);
    /// The same with the session keyring of this process, which other asks then share.
    [[nodiscard]] JobAnswer ask_sharing_keyring(const Container& container, const JobRequest& request);
    /// Runs a program by hand, its output split into lines.
    [[nodiscard]] static Finished by_hand(const std::vector<std::string>& argv);

    /// The records that the helpers logged during this test; empty on a machine with a log daemon.
    [[nodiscard]] std::vector<std::string> logged(const std::string& word) { return log_.take(word); }

  private:
    [[nodiscard]] JobAnswer explain(JobAnswer answer, const JobRequest& request);
    LogCatcher log_;
    std::vector<RequestRule> rules_;
    std::vector<std::string> asked_;
};

}  // namespace nsupcall::test
