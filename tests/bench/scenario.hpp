#pragma once
/// @file
/// The situations in which upcalls are measured: who asks, from where, and what has to be found.

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/container.hpp"
#include "support/realm.hpp"

namespace nsupcall::bench {

/// One situation, set up and ready to be asked from.
struct Scenario {
    std::string name;           ///< "host", "mount-namespace", ...
    std::string title;          ///< for tables
    bool peers_can = true;      ///< false where cifs-utils fails by design
    test::Container container;  ///< holds the requester
    std::uint32_t host_uid = 0;
    std::vector<std::string> helper_options{};  ///< of ours
    std::vector<std::string> peer_options{};    ///< of cifs-utils

    /// What the kernel would ask, with `address` as the server's.
    [[nodiscard]] std::string description(const test::Realm& realm, const std::string& address) const;
};

/// The names that make_scenario knows, in the order of the tables.
[[nodiscard]] std::vector<std::string> scenario_names();

/// Sets one up in `realm`, which has the user "alice".
///
/// The requester is the system user `games` where cifs-utils takes part: it wants a user whom the host's
/// passwd file knows, and finds this one at once.
[[nodiscard]] nsutil::Result<Scenario> make_scenario(std::string_view name, test::Realm& realm);

}  // namespace nsupcall::bench
