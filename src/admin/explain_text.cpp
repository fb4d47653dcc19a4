#include "admin/explain_text.hpp"

#include <fmt/format.h>

#include <array>

#include "admin/page.hpp"
#include "nsutil/result.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

Tone tone_of(Verdict verdict) {
    switch (verdict) {
        case Verdict::used:
            return Tone::good;
        case Verdict::good:
            return Tone::plain;
        case Verdict::absent:
        case Verdict::not_considered:
            return Tone::faint;
        case Verdict::expired:
        case Verdict::kdc_refused:
        case Verdict::kdc_unreachable:
            return Tone::bad;
        default:
            return Tone::warning;
    }
}

Tone tone_of(Prospect prospect) {
    return prospect == Prospect::succeeds ? Tone::good
           : prospect == Prospect::fails  ? Tone::bad
                                          : Tone::warning;
}

void put_user(Page& page, const ExplainReport& report) {
    const auto creduid = report.subject.request.creduid;
    if (report.inside_uid)
        page.put("user",
                 both_ids(*report.inside_uid, creduid) + (report.whose == "host" ? " on the host" : ""));
    else
        page.put("user", fmt::format("uid {} here", creduid) +
                             (report.requester && !report.requester->kernel_thread
                                  ? page.paint(Tone::bad, ", which has no id inside")
                                  : ""));
    page.put("KRB5CCNAME", report.ccname_counts ? "counts: " + escape(report.ccname)
                           : report.ccname_why == "it is not set" || report.ccname_why == "not looked at"
                               ? escape(report.ccname_why)
                               : "does not count: " + escape(report.ccname_why));
}

void put_rule(Page& page, const ExplainReport& report) {
    std::string text = "none matches; the defaults hold";
    if (!report.rule.empty()) {
        text = escape(report.rule);
        if (!report.rule_file.empty())
            text += fmt::format(" ({}:{})", escape(report.rule_file), report.rule_line);
    }
    page.put("rule", text);
    for (const auto& problem : report.config_problems)
        page.put("", page.paint(Tone::bad, escape(problem, 512)));
    if (!report.whose.empty()) page.put("worked in", "the namespaces of the " + escape(report.whose));
    for (const auto& note : report.place_notes) page.put("", escape(note, 512));
}

std::string behind_words(const MountBehind& behind) {
    std::string text = fmt::format("on {} {}", escape(behind.type), escape(behind.target));
    if (!behind.volume.empty()) text += ", " + escape(behind.volume);
    if (!behind.host_path.empty()) text += ", on the host " + escape(behind.host_path);
    return text;
}

void put_candidate(Page& page, std::string_view name, const CandidateReport& one, std::int64_t now,
                   bool whose) {
    const auto& candidate = one.candidate;
    std::string text =
        page.paint(tone_of(candidate.verdict), fmt::format("{:<15}", verdict_name(candidate.verdict)));
    text += " " + (candidate.name.empty() ? escape(candidate.source) : escape(candidate.name));
    if (!candidate.name.empty() && !candidate.name.ends_with(candidate.source))
        text += page.paint(Tone::faint, "  by " + escape(candidate.source));
    if (whose) text += page.paint(Tone::faint, ", " + escape(one.whose) + "'s");
    page.put(name, text);
    std::string more;
    const auto add = [&more](const std::string& piece) { more += (more.empty() ? "" : ", ") + piece; };
    if (!candidate.principal.empty()) add(page.paint(Tone::heading, escape(candidate.principal)));
    if (candidate.expires != 0)
        add((candidate.expires <= now ? "expired " : "expires ") + relative_time(candidate.expires, now));
    if (one.inside_owner) add("owner " + both_ids(*one.inside_owner, one.host_owner));
    if (one.mode) add(fmt::format("mode {:04o}", *one.mode & 07777U));
    if (one.behind) add(behind_words(*one.behind));
    if (!more.empty()) page.put("", std::string(16, ' ') + more);
    if (!candidate.detail.empty()) page.put("", std::string(16, ' ') + escape(candidate.detail, 512));
}

void put_kdcs(Page& page, const ExplainReport& report) {
    if (!report.findings) return;
    std::string_view name = "KDC";
    for (const auto& kdc : report.findings->kdcs) {
        std::string text = escape(kdc.realm) + ": ";
        if (!kdc.name.empty()) text += escape(kdc.name);
        if (!kdc.address.empty()) text += " (" + escape(kdc.address) + ")";
        if (!kdc.name.empty())
            text += " " + page.paint(kdc.state == KdcState::answers ? Tone::good : Tone::bad,
                                     kdc_state_words(kdc.state));
        if (!kdc.detail.empty()) text += (kdc.name.empty() ? "" : ": ") + escape(kdc.detail);
        page.put(name, text);
        name = "";
    }
    if (report.findings->kdcs.empty() && report.findings->has_ticket) page.put("KDC", "not needed");
    page.put("service", escape(report.findings->server));
    if (report.findings->expires != 0)
        page.put("", fmt::format("a ticket for it is there, until {}", clock_time(report.findings->expires)));
}

}  // namespace

std::string_view kdc_state_words(KdcState state) {
    constexpr std::array<std::string_view, kKdcStates> kWords = {
        "accepts connections", "refuses connections", "does not answer", "has no address", "cannot be told"};
    return kWords.at(static_cast<std::size_t>(state));
}

std::string outcome_words(const ExplainReport& report) {
    const auto failure = nsutil::errno_name(report.code) + ": " + escape(report.message, 512);
    switch (report.prospect) {
        case Prospect::succeeds:
            return "would succeed as " + (report.findings ? escape(report.findings->client) : std::string());
        case Prospect::fails:
            return "would fail with " + failure;
        case Prospect::unknown:
            break;
    }
    return report.code == 0 ? "cannot be told without asking the KDC" : "cannot be told: " + failure;
}

std::string explain_text(const ExplainReport& report, const Painter& painter, std::int64_t now) {
    const auto& request = report.subject.request;
    Page page(painter);
    page.line(
        page.paint(Tone::heading, fmt::format("Upcall for {}", escape(request.host))) +
        (request.address.empty() || request.address == request.host ? "" : " at " + escape(request.address)) +
        (request.user.empty() ? "" : ", username=" + escape(request.user)) +
        page.paint(Tone::faint, "  (server: " + escape(report.subject.host_from) + ")"));
    for (const auto& note : report.subject.notes) page.put("note", escape(note, 512));
    if (report.requester)
        put_requester(page, *report.requester);
    else
        page.put("requester", fmt::format("tid {}, which cannot be looked at", request.tid));
    put_user(page, report);
    put_rule(page, report);
    const bool several =
        !report.candidates.empty() && report.candidates.front().whose != report.candidates.back().whose;
    std::string_view name = "candidates";
    for (const auto& one : report.candidates) {
        put_candidate(page, name, one, now, several);
        name = "";
    }
    if (report.candidates_left_out > 0) page.put("", fmt::format("and {} more", report.candidates_left_out));
    put_kdcs(page, report);
    for (const auto& what : report.unseen) page.put("not seen", page.paint(Tone::warning, escape(what)));
    page.put("outcome", page.paint(tone_of(report.prospect), outcome_words(report)));
    name = "what to do";
    for (const auto& advice : report.advice) {
        page.put(name, advice);
        name = "";
    }
    return page.take();
}

}  // namespace nsupcall::admin
