#pragma once
/// @file
/// The host at a glance: who lives where, with which credentials, and which cifs mounts rest on them.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "admin/survey.hpp"
#include "rules/rule_set.hpp"
#include "session/session_store.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {

/// How it stands with a credential.
enum class CredentialState : std::uint8_t { valid, expired, missing, unknown };
inline constexpr std::size_t kCredentialStates = 4;
[[nodiscard]] std::string_view state_name(CredentialState state);

/// One cifs mount with Kerberos, and what it rests on. Texts come from whoever mounted it: escape them.
struct MapMount {
    static constexpr std::size_t kTargetsMost = 4;

    std::string server;  ///< host of the source
    std::string source;  ///< "//host/share"
    std::string address, username, security;
    std::vector<std::string> targets;  ///< where it is in this place; the first few
    std::size_t more_targets = 0;      ///< that are not in `targets`
    std::uint64_t device = 0;          ///< st_dev: one file system, wherever it is mounted
    std::uint32_t cruid = 0;           ///< the host's id of the user whose credentials it was made with
    bool multiuser = false;            ///< each user has a session of their own

    CredentialState state = CredentialState::unknown;
    std::string principal, ccache;  ///< empty where none is known
    std::int64_t expires = 0;       ///< Unix time; 0 where nothing says
    std::string elsewhere;  ///< the place that the credential is in, where it is not this one: "host", ...
    std::string why;        ///< in words, where it is not plainly valid
};

/// One user of a place.
struct MapUser {
    std::uint32_t uid = 0;                    ///< the host's
    std::optional<std::uint32_t> inside_uid;  ///< nothing: unknown, or it has none there
    std::string comm;  ///< a process' name, of its own choosing; empty where none is there
    std::size_t processes = 0;
    bool looked = false;                 ///< its credentials are known
    bool out_of_time = false;            ///< they are not since the time was up
    std::string problem;                 ///< why they are not known
    std::vector<Candidate> credentials;  ///< those that are there, good or bad, the first to be used in front
    std::vector<MapMount> mounts;

    [[nodiscard]] bool is_of_interest() const { return !credentials.empty() || !mounts.empty(); }
};

struct MapPlace {
    nsutil::NamespaceId mount, user, net;
    bool is_host = false, host_service = false;
    Workload workload;
    std::size_t processes = 0;
    std::vector<MapUser> users;  ///< by uid
    std::size_t more_users = 0;  ///< past a limit
    std::string problem;         ///< its mounts cannot be read

    /// "host", "ns/pod/container", "service of the host: sshd", "mnt:[4026532000]": not escaped.
    [[nodiscard]] std::string title() const;
    [[nodiscard]] bool is_of_interest() const;
};

struct MapOptions {
    static constexpr std::size_t kUsersMost = 64;       ///< of one place that are looked at
    static constexpr std::size_t kMountsMost = 20'000;  ///< of all places together

    std::string root;                  ///< folder that stands for "/" of the host's files; empty: "/"
    std::string config = kConfigPath;  ///< rules; below no root
    std::string sessions = SessionStore::kFolder;
    std::int64_t look_ms = 5'000;  ///< for all credentials together
};

struct NodeMap {
    std::int64_t taken_at = 0;     ///< Unix time
    std::vector<MapPlace> places;  ///< the host's own first, then by title
    std::size_t processes = 0;
    std::size_t unseen = 0;           ///< processes that may not be looked at
    bool others_hidden = false;       ///< there are more, of other users: /proc is mounted with hidepid
    std::size_t users_left_out = 0;   ///< whom nobody looked at for want of time, or past a limit
    std::size_t mounts_left_out = 0;  ///< past a limit
    std::size_t sessions_of_host = 0, sessions_of_containers = 0;
    bool sessions_known = false;    ///< the session records could be read
    bool mounts_known = true;       ///< every place's mounts could be read
    bool credentials_known = true;  ///< every look succeeded
    std::string boundary_problem;   ///< why a look failed, the first that did

    /// @errors those of Survey::take()
    [[nodiscard]] static nsutil::Result<NodeMap> take(const MapOptions& options);

    /// Mounts by the state of what they rest on, each file system counted once a place and user.
    [[nodiscard]] std::size_t mounts_in(CredentialState state) const;
};

/// Of a ccache that was looked at.
[[nodiscard]] CredentialState state_of(const Candidate& candidate);

}  // namespace nsupcall::admin
