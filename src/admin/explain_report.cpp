#include "admin/explain_report.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>

#include "admin/advice.hpp"
#include "nsutil/bounded_read.hpp"
#include "rules/config_text.hpp"
#include "rules/rule_set.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::MountTable;

constexpr auto kPatience = std::chrono::seconds(15);

void take_rule(ExplainReport& report, const std::string& name) {
    report.rule = name;
    if (name.empty()) return;
    const auto rules = RuleSet::load(report.config);
    const auto rule = std::ranges::find(rules.rules(), name, &Rule::name);
    if (rule == rules.rules().end()) return;
    report.rule_file = rule->file;
    if (const auto text = nsutil::read_file_at(AT_FDCWD, rule->file.c_str(), RuleSet::kFileBytesMost))
        report.rule_line = line_of(*text, name, {}, 0);
}

/// Mount tables are read when they are asked for, each once.
class Tables {
  public:
    explicit Tables(const SpnegoOutcome& outcome) : outcome_(outcome) {}

    const MountTable* host() {
        if (!host_) host_ = of(::getpid());
        return &*host_;
    }
    const MountTable* inside(const std::string& whose) {
        if (whose == "host" || !outcome_.requester) return host();
        if (!inside_) {
            const bool elsewhere = outcome_.place && outcome_.place->own && outcome_.place->anchor.tgid != 0;
            inside_ = of(elsewhere ? outcome_.place->anchor.tgid : outcome_.requester->task.tid());
        }
        return &*inside_;
    }

  private:
    static MountTable of(pid_t tid) {
        const auto task = nsutil::Task::open(tid);
        if (!task) return {};
        auto table = MountTable::of_task(*task);
        return table ? std::move(*table) : MountTable();
    }

    const SpnegoOutcome& outcome_;
    std::optional<MountTable> host_, inside_;
};

void take_candidates(ExplainReport& report, const SpnegoOutcome& outcome) {
    const auto& all = outcome.reply.trace.candidates();
    report.candidates_left_out = outcome.reply.trace.dropped();
    Tables tables(outcome);
    std::size_t at = 0;
    for (const auto& examined : outcome.examined) {
        const auto first = at;
        for (; at < all.size() && at < first + examined.candidates; ++at) {
            CandidateReport one{all[at], examined.whose, {}, {}, {}, {}};
            const auto* files = examined.findings ? &examined.findings->files : nullptr;
            const auto file = files == nullptr
                                  ? std::vector<CandidateFile>::const_iterator()
                                  : std::ranges::find(*files, static_cast<std::uint32_t>(at - first),
                                                      &CandidateFile::candidate);
            if (files != nullptr && file != files->end()) {
                one.inside_owner = file->inside_uid;
                one.mode = file->mode;
                const bool of_host = examined.whose == "host" || !report.requester;
                one.host_owner =
                    of_host ? file->inside_uid : report.requester->uid_map.to_host(file->inside_uid);
                const auto* inside = tables.inside(examined.whose);
                const auto* host = tables.host();
                one.behind = mount_behind(*inside, *host, file->mount_id);
            }
            report.candidates.push_back(std::move(one));
        }
    }
}

void take_environment(ExplainReport& report, const Settings* settings) {
    const auto found = std::ranges::find_if(
        report.candidates, [](const CandidateReport& one) { return one.candidate.source == "KRB5CCNAME"; });
    if (found == report.candidates.end()) {
        if (settings != nullptr && !settings->allows(Source::environment))
            report.ccname_why = "the rule's sources leave it out";
        else if (report.findings)
            report.ccname_why = "it is not set";
        else
            report.ccname_why = "not looked at";
    } else if (found->candidate.verdict == Verdict::not_considered) {
        report.ccname_why = found->candidate.detail;
    } else {
        report.ccname_counts = true;
        report.ccname = found->candidate.name;
    }
}

/// Whether the failure is this command's own lack of privileges, which the helper does not share.
bool lacks_privileges(const SpnegoOutcome& outcome) {
    const auto code = outcome.reply.code;
    if (code != EPERM && code != EACCES) return false;
    return outcome.reply.message.starts_with("boundary: ") || !outcome.requester;
}

Prospect prospect_of(const ExplainReport& report) {
    if (report.code != 0) return Prospect::fails;
    if (!report.findings) return Prospect::unknown;
    if (report.findings->has_ticket) return Prospect::succeeds;
    const bool answers = std::ranges::any_of(report.findings->kdcs, [&](const ProbedKdc& kdc) {
        return kdc.realm == report.findings->realm && kdc.state == KdcState::answers;
    });
    return answers ? Prospect::succeeds : Prospect::unknown;
}

/// The helper looks at nothing but the key then.
ExplainReport refuse_forged(ExplainReport report, const Workloads& workloads) {
    const auto requester = Requester::open(report.subject.request.tid);
    report.requester = requester ? std::optional(describe_requester(*requester, workloads))
                                 : describe_stranger(report.subject.request.tid);
    if (report.requester && !report.requester->kernel_thread)
        report.inside_uid = report.requester->uid_map.to_inside(report.subject.request.creduid);
    report.ccname_why = "not looked at";
    report.code = EPERM;
    report.message = report.subject.forged;
    report.prospect = Prospect::fails;
    report.advice = advise(report, std::time(nullptr));
    return report;
}

}  // namespace

ExplainReport explain(const ExplainSubject& subject, const SpnegoOptions& options,
                      const Workloads& workloads) {
    ExplainReport report;
    report.subject = subject;
    report.config = options.config;
    if (!subject.forged.empty()) return refuse_forged(std::move(report), workloads);
    const auto outcome = answer_spnego(subject.request, options, nsutil::Deadline::after(kPatience));
    if (outcome.requester)
        report.requester = describe_requester(*outcome.requester, workloads);
    else
        report.requester = describe_stranger(subject.request.tid);
    report.config_problems = outcome.config_problems;
    take_rule(report, outcome.rule);
    if (outcome.place) {
        report.whose = outcome.place->whose;
        report.place_notes = outcome.place->notes;
    }
    report.code = outcome.reply.code;
    report.message = outcome.reply.message;
    if (!outcome.examined.empty()) {
        report.findings = outcome.examined.back().findings;
        report.inside_uid = outcome.examined.back().inside_uid;
    } else if (report.requester && !report.requester->kernel_thread) {
        report.inside_uid = report.requester->uid_map.to_inside(subject.request.creduid);
    }
    take_candidates(report, outcome);
    take_environment(report, outcome.requester ? &outcome.settings : nullptr);
    report.prospect = prospect_of(report);
    if (lacks_privileges(outcome)) {
        report.prospect = Prospect::unknown;
        report.unseen.push_back(outcome.requester
                                    ? "the credentials: only root may enter where the helper would look"
                                    : "the requester's namespaces: only root may look at this process");
    }
    report.advice = advise(report, std::time(nullptr));
    return report;
}

}  // namespace nsupcall::admin
