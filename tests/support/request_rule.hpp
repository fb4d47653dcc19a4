#pragma once
/// @file
/// A rule for /sbin/request-key that exists as long as a test needs it.

#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

struct RuleSpec {
    std::string description;        ///< pattern; one '*' at most is a wildcard (request-key's own limit)
    std::filesystem::path program;  ///< the helper
    std::vector<std::string> arguments{};  ///< "%k" is the key; no spaces inside an argument
    std::string key_type = "user";
    std::string operation = "create";
    std::string callout = "*";  ///< pattern of the callout information
};

/// Owns one file `/etc/request-key.d/nsupcall-test-<pid>-<n>.conf`, removed on destruction and whenever the
/// process ends (see janitor.hpp). Files of test runs that are gone are removed when a rule is installed.
///
/// The rule runs the program through a symbolic link with a name of its own, so that a process of this rule
/// can be told from another run's by its argv[0], which request-key sets to the last part of the program's
/// path.
///
/// With NSUPCALL_TEST_ENGINE=1 in the environment a rule for the helper becomes one for the front end, with
/// an engine that this process starts: every test of whole upcalls serves for both ways.
///
/// @source  request-key.conf(5); of several matching lines the one with the shortest wildcard match wins, so
///          a pattern that names a host of its own (Realm::service_host) neither takes nor loses requests.
class RequestRule {
  public:
    [[nodiscard]] static nsutil::Result<RequestRule> install(const RuleSpec& spec);
    /// The pattern of every well-formed description for `host`.
    [[nodiscard]] static std::string pattern_for(const std::string& host) {
        return "ver=0x2;host=" + host + ";*";
    }

    RequestRule(RequestRule&& other) noexcept
        : folder_(std::move(other.folder_)),
          file_(std::exchange(other.file_, {})),
          program_link_(std::exchange(other.program_link_, {})) {}
    RequestRule& operator=(RequestRule&& other) noexcept {
        std::swap(folder_, other.folder_);
        std::swap(file_, other.file_);
        std::swap(program_link_, other.program_link_);
        return *this;
    }
    RequestRule(const RequestRule&) = delete;
    RequestRule& operator=(const RequestRule&) = delete;
    ~RequestRule();

    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    [[nodiscard]] const std::filesystem::path& program_link() const { return program_link_; }
    /// Process ids of this rule's helpers (and their children) that run now.
    [[nodiscard]] std::vector<pid_t> running_helpers() const;

  private:
    RequestRule(TempDir folder, std::filesystem::path file, std::filesystem::path link)
        : folder_(std::move(folder)), file_(std::move(file)), program_link_(std::move(link)) {}
    TempDir folder_;
    std::filesystem::path file_;
    std::filesystem::path program_link_;
};

}  // namespace nsupcall::test
