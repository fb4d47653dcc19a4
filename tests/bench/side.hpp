#pragma once
/// @file
/// One of the programs that are compared, reachable through a request-key rule of its own.

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "bench/question.hpp"
#include "nsutil/result.hpp"
#include "support/request_rule.hpp"

namespace nsupcall::bench {

enum class SideKind : std::uint8_t {
    our_engine,
    our_helper,
    theirs,
    floor,  ///< rejects every key
};

/// How a side is run by request-key(8).
struct SideSpec {
    std::string name;  ///< "nsupcall, engine", "cifs-utils 7.0", ...
    std::filesystem::path program;
    std::vector<std::string> arguments{};  ///< "%k" is the key, and comes last where the key is answered
    SideKind kind = SideKind::theirs;

    [[nodiscard]] bool answers() const { return kind != SideKind::floor; }
    [[nodiscard]] bool ours() const { return kind == SideKind::our_engine || kind == SideKind::our_helper; }
    /// Puts options before the key.
    void add_options(const std::vector<std::string>& options) {
        if (answers()) arguments.insert(arguments.end() - 1, options.begin(), options.end());
    }
};

/// The processes that there are now.
[[nodiscard]] std::set<pid_t> all_processes();

/// A side whose rule is installed.
class Side {
  public:
    [[nodiscard]] static nsutil::Result<Side> install(const SideSpec& spec, const RulePattern& pattern);

    /// The rule for requests about `host` with the server's address address_of(number). All sides of a run
    /// get the same request but for that: same host, same ticket, same length.
    /// @param number  1 to 150, different for each side of a run
    [[nodiscard]] static RulePattern token_pattern(const std::string& host, unsigned number);
    /// "ip4=127.0.10.<100 + number>", for the requests' descriptions.
    [[nodiscard]] static std::string address_of(unsigned number);

    [[nodiscard]] const SideSpec& spec() const { return spec_; }
    /// Those that run now and did not `before`, their children included; of an engine's side also the
    /// servants at work for it.
    [[nodiscard]] std::vector<pid_t> processes(const std::set<pid_t>& before) const;

  private:
    Side(SideSpec spec, test::RequestRule rule) : spec_(std::move(spec)), rule_(std::move(rule)) {}
    SideSpec spec_;
    test::RequestRule rule_;
};

}  // namespace nsupcall::bench
