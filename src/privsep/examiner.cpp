#include "privsep/examiner.hpp"

#include <fcntl.h>
#include <linux/stat.h>
#include <sys/stat.h>

#include <algorithm>

#include "credentials/ccache_guard.hpp"
#include "credentials/kdc_probe.hpp"
#include "credentials/locator.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/findings.hpp"
#include "privsep/sealed_job.hpp"
#include "spnego/ap_req.hpp"

namespace nsupcall {
namespace {

using nsutil::Result;

/// Who owns the files behind the candidates, and on which mounts they lie.
std::vector<CandidateFile> look_at_files(const Trace& trace) {
    std::vector<CandidateFile> files;
    const auto& candidates = trace.candidates();
    for (std::size_t at = 0; at < candidates.size(); ++at) {
        const auto name = CcacheName::split(candidates[at].name);
        auto path = name.residual;
        if (name.type == "DIR" && path.starts_with(':')) path.erase(0, 1);
        if ((name.type != "FILE" && name.type != "DIR") || !path.starts_with('/')) continue;
        struct statx info = {};
        if (::statx(AT_FDCWD, path.c_str(), AT_NO_AUTOMOUNT, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0)
            continue;
        files.push_back({static_cast<std::uint32_t>(at), info.stx_uid, info.stx_mode,
                         (info.stx_mask & STATX_MNT_ID) != 0 ? info.stx_mnt_id : 0});
    }
    return files;
}

/// Asks each realm's KDCs once whether they are there.
class Reachability {
  public:
    Reachability(krb5_context context, Findings& findings) : context_(context), findings_(findings) {}

    Result<void> of(const std::string& realm) {
        const auto known = [&](const ProbedKdc& kdc) { return kdc.realm == realm; };
        findings_.realm = realm;
        if (std::ranges::none_of(findings_.kdcs, known)) {
            auto probed = probe_kdcs(context_, realm);
            if (findings_.kdcs.size() + probed.size() > kFindingsKdcsMost)
                return any_reachable(probed, realm);
            std::ranges::move(probed, std::back_inserter(findings_.kdcs));
        }
        std::vector<ProbedKdc> of_realm;
        std::ranges::copy_if(findings_.kdcs, std::back_inserter(of_realm), known);
        return any_reachable(of_realm, realm);
    }

  private:
    krb5_context context_;
    Findings& findings_;
};

/// The token is made as ever, and thrown away.
Result<void> take(krb5_context context, LocatedTicket& located, Findings& findings) {
    if (located.ticket != nullptr) {
        auto ap_req = make_ap_req(context, *located.ticket);
        if (!ap_req) return nsutil::propagate(ap_req);
        findings.expires = static_cast<std::uint32_t>(located.ticket->times.endtime);
    } else if (located.token) {
        findings.expires = located.token->expires;
    }
    findings.has_ticket = findings.expires != 0;
    findings.client = std::move(located.client);
    findings.server = std::move(located.server);
    return {};
}

Result<void> examine(krb5_context context, const CredentialQuery& query, bool with_ticket, Reply& reply) {
    Findings findings;
    findings.default_realm = default_realm(context);
    Reachability reachability(context, findings);
    const Examination examination = {.with_ticket = with_ticket, .reach = [&](const std::string& realm) {
                                         return reachability.of(realm);
                                     }};
    Locator locator(
        context, query, reply.trace,
        [](const Trace& so_far) {
            auto waiting = failed_reply(ETIMEDOUT, "the KDC did not answer in time");
            waiting.trace = so_far;
            EmergencyReply::remember(waiting);
        },
        &examination);
    auto located = locator.find();
    auto taken = located ? take(context, *located, findings) : Result<void>(nsutil::propagate(located));
    if (!taken) {
        Reply failed;
        set_failure(failed, taken.error());
        findings.code = failed.code;
        findings.message = std::move(failed.message);
        findings.client.clear();
    }
    findings.files = look_at_files(reply.trace);
    reply.payload = encode_findings(findings);
    return {};
}

}  // namespace

Result<void> examine_quietly(krb5_context context, const CredentialQuery& query, Reply& reply) {
    return examine(context, query, false, reply);
}

Result<void> examine_with_ticket(krb5_context context, const CredentialQuery& query, Reply& reply) {
    return examine(context, query, true, reply);
}

}  // namespace nsupcall
