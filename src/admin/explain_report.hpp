#pragma once
/// @file
/// Everything that nsupcall explain tells of one upcall. Texts are as they came: escape them before showing.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "admin/explain_subject.hpp"
#include "admin/mount_behind.hpp"
#include "admin/requester_report.hpp"
#include "admin/workloads.hpp"
#include "privsep/spnego_upcall.hpp"

namespace nsupcall::admin {

/// One place where a credential might have been.
struct CandidateReport {
    Candidate candidate;
    std::string whose;  ///< in whose namespaces
    std::optional<std::uint32_t> inside_owner, host_owner, mode;
    std::optional<MountBehind> behind;
};

enum class Prospect : std::uint8_t { succeeds, fails, unknown };

struct ExplainReport {
    ExplainSubject subject;
    bool with_ticket = false;
    std::optional<RequesterReport> requester;
    std::optional<std::uint32_t> inside_uid;  ///< of creduid, where it was worked
    bool ccname_counts = false;
    std::string ccname;      ///< KRB5CCNAME; empty where it is not set, or not looked at
    std::string ccname_why;  ///< why it does not count, or that it is not set
    std::string rule, rule_file;
    unsigned rule_line = 0;
    std::string config;  ///< file of the rules
    std::vector<std::string> config_problems;
    std::string whose;  ///< whose namespaces were used; empty where it did not come so far
    std::vector<std::string> place_notes;
    std::vector<CandidateReport> candidates;
    std::uint32_t candidates_left_out = 0;
    std::optional<Findings> findings;  ///< of the last place
    int code = 0;                      ///< 0, or the errno that the key would get
    std::string message;
    Prospect prospect = Prospect::unknown;
    std::vector<std::string> unseen;  ///< what could not be looked at, and why
    std::vector<std::string> advice;  ///< what to do; escaped already
};

/// Runs the engine, and gathers what it says and what the host knows besides.
[[nodiscard]] ExplainReport explain(const ExplainSubject& subject, const SpnegoOptions& options,
                                    const Workloads& workloads);

}  // namespace nsupcall::admin
