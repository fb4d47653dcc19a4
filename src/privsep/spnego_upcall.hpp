#pragma once
/// @file
/// The engine: from a request for a SPNEGO token to the answer. Knows no key.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/child.hpp"
#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "privsep/findings.hpp"
#include "privsep/place.hpp"
#include "privsep/ready_worker.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester.hpp"
#include "privsep/worker.hpp"
#include "request/spnego_request.hpp"
#include "rules/prepared_rules.hpp"
#include "rules/rule_set.hpp"

namespace nsupcall {

/// What the command line says about how to answer.
struct SpnegoOptions {
    bool trust_dns = false;            ///< -t
    bool legacy_uid = false;           ///< -l: uid= in place of creduid=
    bool probe_environment = true;     ///< less -E
    std::string krb5_conf;             ///< -k: a file of the host; empty: the namespace's own
    std::string keytab;                ///< -K: a file of the host; empty: none
    SessionStore sessions;             ///< --session-dir: where answered requests are remembered
    std::string config = kConfigPath;  ///< --config: the rules; its folder is the same with ".d" behind
    /// Called where a rule sets another deadline than the one that was given. May be empty.
    std::function<void(const nsutil::Deadline&)> deadline_changed{};
    /// Where workers come from; the request is declined where they cannot do it. Null: each is forked for its
    /// task.
    WorkerSource* workers = nullptr;
    /// Rules that were read ahead, used where they are still those of `config`. May be null.
    const PreparedRules* prepared_rules = nullptr;
    /// The request is not answered, only walked through by this (privsep/examiner.hpp); nothing is stored.
    /// Null: answer it.
    Examiner examine = nullptr;
};

/// What an examination found in one place.
struct Examined {
    std::string whose;             ///< "requester", "host", ...: whose namespaces
    std::uint32_t inside_uid = 0;  ///< creduid there
    std::size_t candidates = 0;    ///< how many of the trace's candidates are from here
    /// What the worker found; nothing where it did not come so far, as the outcome's reply says.
    std::optional<Findings> findings;
};

/// One answered request.
struct SpnegoOutcome {
    /// It takes a worker that is forked for its task, which this process does not: nothing was done.
    bool declined = false;
    std::optional<Requester> requester;        ///< nothing where it was never found
    Reply reply;                               ///< a token, or an errno with its reason; examined: no token
    std::optional<Place> place;                ///< where it was answered, or last tried
    std::string rule;                          ///< name of the rule that matched; empty where none did
    std::vector<std::string> config_problems;  ///< what is wrong with the configuration
    std::vector<Examined> examined;            ///< with SpnegoOptions::examine: the places, in their order
    Settings settings;                         ///< the same: what the rules said
    /// The last worker: it ends once this goes, so that what it has to take down does not come before the
    /// answer.
    std::optional<nsutil::Child> worker;
};

/// Finds the requester, works inside its namespaces in a sealed child, and returns what came of it.
/// Never takes longer than `deadline`, whatever the child does.
[[nodiscard]] SpnegoOutcome answer_spnego(const SpnegoRequest& request, const SpnegoOptions& options,
                                          const nsutil::Deadline& deadline);

}  // namespace nsupcall
