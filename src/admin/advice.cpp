#include "admin/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "admin/terminal.hpp"
#include "trace/trace.hpp"

namespace nsupcall::admin {
namespace {

/// "1000", or "1000 (201000 here)".
std::string user_inside(const ExplainReport& report) {
    const auto creduid = report.subject.request.creduid;
    if (!report.inside_uid || *report.inside_uid == creduid) return fmt::format("{}", creduid);
    return fmt::format("{} ({} here)", *report.inside_uid, creduid);
}

std::string where_inside(const ExplainReport& report) {
    if (!report.requester || !report.requester->contained) return "on this host";
    const auto title = report.requester->workload.title();
    if (title.empty()) return "inside the container";
    return (report.requester->workload.pod_name.empty() ? "inside container " : "inside pod ") +
           escape(title);
}

/// A command line that runs `command` as the user inside.
std::string inside_command(const ExplainReport& report, const std::string& command) {
    const auto& workload = report.requester ? report.requester->workload : Workload{};
    const auto uid = report.inside_uid.value_or(report.subject.request.creduid);
    if (!report.requester || !report.requester->contained) return command;
    if (!workload.pod_name.empty())
        return fmt::format("kubectl exec -n {} {}{} -- {}", escape(workload.pod_namespace),
                           escape(workload.pod_name),
                           workload.name.empty() ? "" : " -c " + escape(workload.name), command);
    const auto name = workload.name.empty() ? workload.id.substr(0, 12) : workload.name;
    if (!name.empty() && (workload.runtime == "podman" || workload.runtime == "docker"))
        return fmt::format("{} exec -u {} {} {}", workload.runtime, uid, escape(name), command);
    return fmt::format("nsenter -t {} -U -m -n -S {} {}", report.requester->tgid, uid, command);
}

const CandidateReport* first_with(const ExplainReport& report, Verdict verdict) {
    const auto found = std::ranges::find_if(
        report.candidates, [&](const CandidateReport& one) { return one.candidate.verdict == verdict; });
    return found == report.candidates.end() ? nullptr : &*found;
}

std::string name_of(const CandidateReport& one) {
    return one.candidate.name.empty() ? escape(one.candidate.source) : escape(one.candidate.name);
}

std::string volume_words(const CandidateReport& one) {
    if (!one.behind || one.behind->volume.empty()) return {};
    return " (from " + escape(one.behind->volume) + ")";
}

void advise_expired(const ExplainReport& report, std::int64_t now, std::vector<std::string>& advice) {
    const auto* one = first_with(report, Verdict::expired);
    if (one == nullptr) return;
    const auto principal = escape(one->candidate.principal);
    const bool refreshed_elsewhere = one->behind && !one->behind->volume.empty();
    advice.push_back(fmt::format(
        "The ticket of {} in {}{} expired {}: renew it {}, e.g. {}", principal, name_of(*one),
        volume_words(*one), relative_time(one->candidate.expires, now),
        refreshed_elsewhere ? "where the volume is filled, or " + where_inside(report) : where_inside(report),
        inside_command(report, "kinit " + principal)));
}

void advise_ownership(const ExplainReport& report, std::vector<std::string>& advice) {
    if (const auto* one = first_with(report, Verdict::not_owned)) {
        const auto owner = one->inside_owner ? fmt::format("uid {}", *one->inside_owner) : "somebody else";
        advice.push_back(
            fmt::format("{}{} belongs to {}, and whoever owns a ccache decides what is in it: the owner must "
                        "be uid {} or root; "
                        "{}",
                        name_of(*one), volume_words(*one), owner, user_inside(report),
                        one->behind && one->behind->volume.starts_with("secret")
                            ? "Secrets belong to root, so one that shows another owner was copied"
                            : fmt::format("chown it, or mount it with uid={}",
                                          report.inside_uid.value_or(report.subject.request.creduid))));
    }
    if (const auto* one = first_with(report, Verdict::unreadable))
        advice.push_back(
            fmt::format("uid {} may not read {}{}{}: let it (for a volume: fsGroup, or defaultMode with read "
                        "for the group)",
                        user_inside(report), name_of(*one), volume_words(*one),
                        one->mode ? fmt::format(", whose mode is {:04o}", *one->mode & 07777U) : ""));
}

void advise_kdc(const ExplainReport& report, std::vector<std::string>& advice) {
    if (!report.findings) return;
    const auto& kdcs = report.findings->kdcs;
    for (const auto& kdc : kdcs) {
        if (kdc.realm != report.findings->realm) continue;
        const auto realm = escape(kdc.realm);
        if (kdc.name.empty()) {
            advice.push_back(
                fmt::format("Nothing {} tells the KDCs of realm {}: name them in its krb5.conf ([realms] {} "
                            "= {{ kdc = ... }}), "
                            "or ask for a ticket of a realm that it knows{}",
                            where_inside(report), realm, realm,
                            report.findings->default_realm.empty()
                                ? ""
                                : " (its default is " + escape(report.findings->default_realm) + ")"));
        } else if (kdc.state == KdcState::unresolved) {
            advice.push_back(
                fmt::format("The name {} of realm {}'s KDC has no address {}: its /etc/resolv.conf and "
                            "/etc/hosts count, in its "
                            "network namespace; try {}",
                            escape(kdc.name), realm, where_inside(report),
                            inside_command(report, "getent hosts " + escape(kdc.name))));
        } else if (kdc.state == KdcState::refuses || kdc.state == KdcState::silent) {
            advice.push_back(
                fmt::format("KDC {} of realm {} cannot be reached from the requester's network: check that "
                            "it runs, and routes "
                            "and firewalls; where the host reaches it, a rule may say network = host",
                            escape(kdc.address.empty() ? kdc.name : kdc.address), realm));
        } else {
            continue;
        }
        return;
    }
}

bool says(const ExplainReport& report, std::string_view words) {
    return report.message.find(words) != std::string::npos;
}

void advise_refusal(const ExplainReport& report, std::vector<std::string>& advice) {
    const auto host = escape(report.subject.request.host);
    // libkrb5's own words: in the worker there is no locale that could change them.
    if (says(report, "not found in Kerberos database"))
        advice.push_back(
            fmt::format("The KDC knows no service cifs/{}: mount by the name under which the server is "
                        "registered (on Windows "
                        "setspn -L SERVER lists its names), or name it in a rule: service = cifs/NAME",
                        host));
    else if (says(report, "Clock skew"))
        advice.push_back(
            "The clocks of this host and of the KDC are more than five minutes apart: compare date -u on "
            "both, and "
            "let chrony or systemd-timesyncd keep them. Containers have the host's clock");
    else if (says(report, "encryption type"))
        advice.push_back(
            "Client, KDC and service have no encryption type in common: see permitted_enctypes in krb5.conf "
            "inside, "
            "and the enctypes that the service's account allows");
    else
        advice.push_back("The KDC's log tells why it refuses; a new ticket (kinit) may help: " +
                         inside_command(report, "kinit"));
}

void advise_nothing_found(const ExplainReport& report, std::vector<std::string>& advice) {
    const auto creduid = report.subject.request.creduid;
    if (report.requester && report.requester->kernel_thread) {
        advice.emplace_back(
            "A kernel thread reconnects for a session whose owner cannot be told: touch the mount from where "
            "it "
            "belongs, which asks in that process's name");
        return;
    }
    for (const auto& one : report.candidates)
        if (one.candidate.verdict == Verdict::unsupported)
            advice.push_back(
                fmt::format("{} cannot be used: {}", name_of(one), escape(one.candidate.detail, 512)));
    if (const auto* one = first_with(report, Verdict::wrong_principal))
        advice.push_back(fmt::format(
            "The mount says username={}, and {} holds tickets of {}: mount with that name, "
            "or get a ticket for the other",
            escape(report.subject.request.user), name_of(*one), escape(one->candidate.principal)));
    if (!advice.empty()) return;
    auto text = fmt::format("uid {} {} owns no ticket", user_inside(report), where_inside(report));
    if (!report.ccname_counts && report.ccname_why.starts_with("the requester is uid"))
        text += fmt::format(", and the environment of this process does not count, since it runs as uid {}",
                            report.requester ? report.requester->host_uid : 0);
    text += ": get one as that user, e.g. " + inside_command(report, "kinit USER");
    advice.push_back(text);
    if (report.requester && report.requester->host_service)
        advice.emplace_back(
            "Its mounts are its own (PrivateTmp, say): a ticket in another service's /tmp is out of its "
            "sight, one "
            "in KEYRING:persistent or in a folder of the user's is not");
    advice.push_back(fmt::format(
        "Or give it one: a ccache at /tmp/krb5cc_{}, or a rule with a keytab of the host (nsupcall.conf(5))",
        report.inside_uid.value_or(creduid)));
}

void advise_access(const ExplainReport& report, std::vector<std::string>& advice) {
    const auto creduid = report.subject.request.creduid;
    if (says(report, "has no id in the requester's user namespace") && report.requester) {
        const auto& map = report.requester->uid_map;
        std::string ranges;
        for (const auto& range : map.ranges())
            ranges += fmt::format("{}{}-{}", ranges.empty() ? "" : ", ", range.host_first,
                                  range.host_first + (range.count - 1));
        advice.push_back(fmt::format("uid {} does not exist {}: its users are {} here", creduid,
                                     where_inside(report), ranges));
        if (const auto meant = map.to_host(creduid))
            advice.push_back(fmt::format(
                "Its own uid {} is {} here: mount with cruid={}, or from within; to explain that: --uid {}",
                creduid, *meant, *meant, *meant));
        return;
    }
    if (says(report, "denied by")) {
        advice.push_back(report.rule_file.empty()
                             ? "The rules forbid it: nsupcall config check shows which are in force"
                             : fmt::format("Rule {} forbids it: {}:{}", escape(report.rule),
                                           escape(report.rule_file), report.rule_line));
        return;
    }
    advise_ownership(report, advice);
}

}  // namespace

std::vector<std::string> advise(const ExplainReport& report, std::int64_t now) {
    std::vector<std::string> advice;
    if (!report.unseen.empty()) {
        advice.emplace_back("Run it as root: sudo nsupcall explain ...");
        return advice;
    }
    switch (report.code) {
        case 0:
            if (report.prospect == Prospect::unknown || (report.findings && !report.findings->has_ticket))
                advice.emplace_back(
                    "The KDC was not asked: with --ticket it is, which tells also an unknown service or a "
                    "clock "
                    "that is wrong");
            break;
        case ESRCH:
            advice.emplace_back(
                "The process is gone: explain one that lives in the same place, e.g. --container");
            break;
        case EKEYEXPIRED:
            advise_expired(report, now, advice);
            break;
        case EACCES:
            advise_access(report, advice);
            break;
        case EHOSTUNREACH:
        case ETIMEDOUT:
            advise_kdc(report, advice);
            break;
        case EPERM:
            if (!report.subject.forged.empty())
                advice.emplace_back(
                    "Somebody other than the kernel asked: nsupcall history show N, of the upcall that is "
                    "marked as "
                    "forged, and the log name the task");
            break;
        case EKEYREJECTED:
            advise_refusal(report, advice);
            break;
        case ENOKEY:
            advise_nothing_found(report, advice);
            break;
        case EINVAL:
            if (const auto* one = first_with(report, Verdict::malformed))
                advice.push_back(name_of(*one) + " is no ccache: make it anew with kinit");
            else
                advice.push_back("What is wrong: " + escape(report.message, 512));
            break;
        default:
            break;
    }
    return advice;
}

}  // namespace nsupcall::admin
