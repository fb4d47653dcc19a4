#pragma once
/// @file
/// Any work that reads what a container wrote, done in a sealed child: name look-ups, id maps, passwords.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester.hpp"

namespace nsupcall {

/// A group that owns nothing by convention (nogroup). Kept as the host's id across the user namespace,
/// where it need not be mapped to stay harmless.
inline constexpr std::uint32_t kNoGroup = 65534;

/// Who a sealed child becomes. Ids are the host's unless they say otherwise.
struct SealedIdentity {
    std::uint32_t host_uid = 0, inside_uid = 0;
    std::uint32_t host_gid = kNoGroup;
    std::vector<gid_t> host_groups{};

    /// `host_uid`, with the requester's groups where the requester runs as that user.
    /// @errors EACCES the user has no id in these namespaces
    [[nodiscard]] static nsutil::Result<SealedIdentity> user(std::uint32_t host_uid,
                                                             const Requester& requester,
                                                             const nsutil::NamespaceSet& namespaces);

    /// Somebody who owns nothing there: nobody, where the namespaces have that id; else their own user
    /// with the highest id.
    /// @errors EACCES the user namespace maps no id at all
    [[nodiscard]] static nsutil::Result<SealedIdentity> nobody(const nsutil::NamespaceSet& namespaces);
};

/// One piece of work.
struct SealedJob {
    const nsutil::NamespaceSet& namespaces;
    SealedIdentity identity;
    /// Runs before the boundary, with every privilege and in the host's namespaces: for what has to be
    /// loaded from the host. May be empty.
    std::function<void()> prepare{};
    /// Runs behind the boundary, as `identity`: fills in the reply, or says why it cannot.
    std::function<nsutil::Result<void>(Reply&)> work;
};

/// What a job came to, and for whom.
struct JobOutcome {
    std::optional<Requester> requester;  ///< nothing where it was never found
    Reply reply;
    std::string namespaces;                    ///< whose were used: "requester", "host"
    std::string rule;                          ///< name of the rule that matched; empty where none did
    std::vector<std::string> config_problems;  ///< what is wrong with the configuration
};

/// Forks, crosses the boundary, works, and returns the child's one reply.
/// Never takes longer than `deadline`; whatever becomes of the child, there is a reply.
[[nodiscard]] Reply run_sealed(const SealedJob& job, const nsutil::Deadline& deadline);

/// The first half of run_sealed(), for who has several at work: the child does not read `job` any more once
/// this returns. @errors those of Child::spawn()
[[nodiscard]] nsutil::Result<nsutil::Child> start_sealed(const SealedJob& job,
                                                         const nsutil::Deadline& deadline);

/// Waits for the one reply of a worker and takes it apart; a hang, a crash and nonsense become a reply
/// that says so. Kills the worker unless it answered.
[[nodiscard]] Reply await_reply(nsutil::Child& worker, const nsutil::Deadline& deadline);

/// The same without waiting. @return nothing while the worker is at work and `deadline` has not passed
[[nodiscard]] std::optional<Reply> reply_if_ready(nsutil::Child& worker, const nsutil::Deadline& deadline);

/// A reply of our own that says why there is none.
[[nodiscard]] Reply failed_reply(int code, std::string message);

/// Puts a failure into a reply; a code that is no errno for a key becomes EKEYREJECTED.
void set_failure(Reply& reply, const nsutil::Error& error);

}  // namespace nsupcall
