#pragma once
/// @file
/// What the host's rules say about one request.

#include <string>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "privsep/place.hpp"
#include "privsep/requester.hpp"
#include "request/spnego_request.hpp"
#include "rules/prepared_rules.hpp"
#include "rules/rule.hpp"
#include "rules/settings.hpp"

namespace nsupcall {

/// The settings for one request, and the place that follows from them.
struct RuleChoice {
    Settings settings;
    std::vector<std::string> problems;  ///< what is wrong with the configuration, for the log
};

/// Where the rules come from.
struct RuleSource {
    const std::string& config;                ///< path of the file; beside it the folder with ".d" behind
    const PreparedRules* prepared = nullptr;  ///< used where they are current; may be null
};

/// Matches the host's rules with a request.
///
/// A kernel thread is matched as those for whom it acts: `place` is where its session belongs.
/// @param place  null where nothing tells that
[[nodiscard]] RuleChoice choose_settings(const RuleSource& source, const SpnegoRequest& request,
                                         std::uint32_t creduid, const Requester& requester,
                                         const Place* place);

/// The same for requests that are not for tokens, of a user task or a kernel thread's own.
/// @param subject  what the request says; where it comes from is filled in
[[nodiscard]] RuleChoice choose_settings(const RuleSource& source, Subject subject,
                                         const Requester& requester);

/// Moves the request to where the rule's `target` wants it.
/// @param place  what resolve_place() decided
/// @errors those of mounter_place_for_task()
[[nodiscard]] nsutil::Result<Place> apply_target(TargetChoice target, nsutil::Result<Place> place,
                                                 const SpnegoRequest& request, const Requester& requester,
                                                 const SessionStore& sessions,
                                                 const nsutil::Deadline& deadline);

}  // namespace nsupcall
