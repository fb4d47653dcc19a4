#include "admin/explain_json.hpp"

#include <fmt/format.h>

#include <array>

#include "admin/json_text.hpp"
#include "credentials/ccache_guard.hpp"
#include "nsutil/result.hpp"

namespace nsupcall::admin {
namespace {

using nlohmann::ordered_json;

template <class Number>
ordered_json optional_number(const std::optional<Number>& number) {
    return number ? ordered_json(*number) : ordered_json(nullptr);
}

ordered_json texts_json(const std::vector<std::string>& texts) {
    ordered_json list = ordered_json::array();
    for (const auto& text : texts) list.push_back(json_string(text));
    return list;
}

const char* target_name(UpcallTarget target) {
    return target == UpcallTarget::mount ? "mount" : "app";
}

const char* security_name(Security security) {
    return security == Security::mskrb5 ? "mskrb5" : security == Security::iakerb ? "iakerb" : "krb5";
}

const char* kind_name(const RequesterReport& requester) {
    if (requester.kernel_thread) return "kernel";
    if (requester.namespaces.empty()) return "unknown";
    return requester.contained ? "container" : requester.host_service ? "service" : "host";
}

const char* prospect_name(Prospect prospect) {
    return prospect == Prospect::succeeds ? "succeeds" : prospect == Prospect::fails ? "fails" : "unknown";
}

const char* kdc_state_name(KdcState state) {
    constexpr std::array<const char*, kKdcStates> kNames = {"answers", "refuses", "silent", "unresolved",
                                                            "unclear"};
    return kNames.at(static_cast<std::size_t>(state));
}

ordered_json candidate_json(const CandidateReport& one) {
    const auto& candidate = one.candidate;
    ordered_json mount = nullptr;
    if (one.behind)
        mount = {{"target", json_string(one.behind->target)},
                 {"type", json_string(one.behind->type)},
                 {"source", json_string(one.behind->source)},
                 {"host_path", optional_text(one.behind->host_path)},
                 {"volume", optional_text(one.behind->volume)}};
    return {
        {"source", json_string(candidate.source)},
        {"type", candidate.name.empty() ? ordered_json(nullptr)
                                        : ordered_json(json_string(CcacheName::split(candidate.name).type))},
        {"name", json_string(candidate.name)},
        {"namespaces_of", json_string(one.whose)},
        {"verdict", verdict_name(candidate.verdict)},
        {"principal", optional_text(candidate.principal)},
        {"expires", optional_time(candidate.expires)},
        {"detail", json_string(candidate.detail)},
        {"owner_inside", optional_number(one.inside_owner)},
        {"owner", optional_number(one.host_owner)},
        {"mode", one.mode ? ordered_json(fmt::format("{:04o}", *one.mode & 07777U)) : ordered_json(nullptr)},
        {"mount", std::move(mount)}};
}

ordered_json kdcs_json(const std::vector<ProbedKdc>& kdcs) {
    ordered_json list = ordered_json::array();
    for (const auto& kdc : kdcs)
        list.push_back({{"realm", json_string(kdc.realm)},
                        {"name", optional_text(kdc.name)},
                        {"address", optional_text(kdc.address)},
                        {"state", kdc_state_name(kdc.state)},
                        {"detail", json_string(kdc.detail)}});
    return list;
}

ordered_json rule_json(const ExplainReport& report) {
    if (report.rule.empty()) return nullptr;
    return {{"name", json_string(report.rule)},
            {"file", optional_text(report.rule_file)},
            {"line", report.rule_line == 0 ? ordered_json(nullptr) : ordered_json(report.rule_line)}};
}

}  // namespace

ordered_json requester_json(const RequesterReport& requester) {
    ordered_json namespaces = ordered_json::array();
    for (const auto& one : requester.namespaces)
        namespaces.push_back({{"name", one.name}, {"inode", one.inode}, {"host", one.of_host}});
    return {{"tid", requester.tid},
            {"tgid", requester.tgid},
            {"comm", json_string(requester.comm)},
            {"uid", requester.host_uid},
            {"uid_inside", optional_number(requester.inside_uid)},
            {"kind", kind_name(requester)},
            {"container", workload_json(requester.workload)},
            {"namespaces", std::move(namespaces)},
            {"uid_map", id_map_json(requester.uid_map)}};
}

ordered_json workload_json(const Workload& workload) {
    if (workload == Workload()) return nullptr;
    return {{"id", optional_text(workload.id)},
            {"runtime", optional_text(workload.runtime)},
            {"name", optional_text(workload.name)},
            {"pod_uid", optional_text(workload.pod_uid)},
            {"pod_namespace", optional_text(workload.pod_namespace)},
            {"pod_name", optional_text(workload.pod_name)}};
}

ordered_json id_map_json(const nsutil::IdMap& map) {
    ordered_json ranges = ordered_json::array();
    for (const auto& range : map.ranges())
        ranges.push_back(
            {{"inside", range.inside_first}, {"host", range.host_first}, {"count", range.count}});
    return ranges;
}

ordered_json explain_json(const ExplainReport& report) {
    const auto& request = report.subject.request;
    ordered_json candidates = ordered_json::array();
    for (const auto& one : report.candidates) candidates.push_back(candidate_json(one));
    const Findings none;
    const auto& findings = report.findings ? *report.findings : none;
    return {
        {"schema", "nsupcall-explain-1"},
        {"request",
         {{"host", json_string(request.host)},
          {"address", optional_text(request.address)},
          {"user", optional_text(request.user)},
          {"creduid", request.creduid},
          {"creduid_inside", optional_number(report.inside_uid)},
          {"security", security_name(request.security)},
          {"upcall_target", target_name(request.target)},
          {"host_from", json_string(report.subject.host_from)}}},
        {"notes", texts_json(report.subject.notes)},
        {"requester", report.requester ? requester_json(*report.requester) : ordered_json(nullptr)},
        {"krb5ccname",
         {{"counts", report.ccname_counts},
          {"value", optional_text(report.ccname)},
          {"why", optional_text(report.ccname_why)}}},
        {"rule", rule_json(report)},
        {"config_problems", texts_json(report.config_problems)},
        {"namespaces_of", optional_text(report.whose)},
        {"place_notes", texts_json(report.place_notes)},
        {"candidates", std::move(candidates)},
        {"candidates_left_out", report.candidates_left_out},
        {"default_realm", optional_text(findings.default_realm)},
        {"kdcs", kdcs_json(findings.kdcs)},
        {"client", optional_text(findings.client)},
        {"service", optional_text(findings.server)},
        {"ticket_there", findings.has_ticket},
        {"ticket_expires", optional_time(findings.expires)},
        {"kdc_asked", report.with_ticket},
        {"outcome",
         {{"prospect", prospect_name(report.prospect)},
          {"errno", report.code == 0 ? ordered_json(nullptr) : ordered_json(nsutil::errno_name(report.code))},
          {"message", json_string(report.message)}}},
        {"unseen", texts_json(report.unseen)},
        {"advice", texts_json(report.advice)}};
}

}  // namespace nsupcall::admin
