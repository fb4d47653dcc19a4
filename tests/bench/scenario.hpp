#pragma once
/// @file
/// The situations in which upcalls are measured: who asks, from where, and what has to be found.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/side.hpp"
#include "support/container.hpp"
#include "support/realm.hpp"

namespace nsupcall::bench {

/// What is asked for.
enum class What : std::uint8_t { token, id, name };

/// One situation, set up and ready to be asked from.
struct Scenario {
    std::string name;   ///< "host", "mount-namespace", ...
    std::string title;  ///< for tables
    What what = What::token;
    std::optional<test::Container>
        container{};  ///< holds the requester; the bench itself asks where there is none
    std::uint32_t host_uid = 0;
    std::vector<std::string> helper_options{};  ///< of ours
    std::vector<std::string> peer_options{};    ///< of cifs-utils
    bool is_declined = false;                   ///< by the engine or its front end, which becomes the helper

    /// What the kernel would ask, so that the side of this number answers.
    [[nodiscard]] Question question(const test::Realm& realm, unsigned number) const;
    /// The rule by which it does.
    [[nodiscard]] RulePattern pattern(const test::Realm& realm, unsigned number) const;
    /// The sides as they are asked here: other keys have other helpers. Those that cannot take part are left
    /// out.
    [[nodiscard]] std::vector<SideSpec> sides(const std::vector<SideSpec>& of_tokens) const;
    /// @return what is wrong with a payload; empty where nothing is
    [[nodiscard]] std::string problem_of(const std::string& payload, const test::Realm& realm) const;
};

/// The names that make_scenario knows, in the order of the tables.
[[nodiscard]] std::vector<std::string> scenario_names();

/// Sets one up in `realm`, which has the user "alice".
///
/// The requester is the system user `games` where cifs-utils takes part: it wants a user whom the host's
/// passwd file knows, and finds this one at once.
[[nodiscard]] nsutil::Result<Scenario> make_scenario(std::string_view name, test::Realm& realm);

}  // namespace nsupcall::bench
