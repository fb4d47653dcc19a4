#include "privsep/logon_upcall.hpp"

#include <strings.h>

#include "logon/credential_file.hpp"
#include "privsep/rule_choice.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::propagate;
using nsutil::Result;

std::string expand(const std::string& pattern, std::uint32_t inside_uid) {
    constexpr std::string_view kUid = "%{uid}";
    std::string path = pattern;
    for (auto at = path.find(kUid); at != std::string::npos; at = path.find(kUid, at))
        path.replace(at, kUid.size(), std::to_string(inside_uid));
    return path;
}

Result<void> work(const LogonRequest& request, const LogonOptions& options, std::uint32_t inside_uid,
                  Reply& reply) {
    for (const auto& pattern : options.files) {
        const auto path = expand(pattern, inside_uid);
        auto credential = LogonCredential::read(path, inside_uid);
        if (!credential && credential.error().code == ENOENT) {
            reply.trace.add({"credentials file", path, Verdict::absent, {}, 0, {}});
            continue;
        }
        if (!credential) {
            const auto verdict = credential.error().code == EINVAL ? Verdict::malformed : Verdict::not_owned;
            reply.trace.add({"credentials file", path, verdict, {}, 0, credential.error().text()});
            // The first that exists counts: a broken one is a mistake to be told, not to be passed over.
            return propagate(credential);
        }
        if (!request.domain.empty() && !credential->domain.empty() &&
            ::strcasecmp(request.domain.c_str(), credential->domain.c_str()) != 0) {
            reply.trace.add({"credentials file", path, Verdict::wrong_principal, credential->user, 0,
                             "it is for another domain"});
            continue;
        }
        reply.trace.add({"credentials file", path, Verdict::used, credential->user, 0, {}});
        reply.client = credential->user;
        reply.payload = credential->payload();
        return {};
    }
    return fail(ENOKEY, "no credentials file");
}

}  // namespace

JobOutcome answer_logon(const LogonRequest& request, const LogonOptions& given, std::uint32_t host_uid,
                        pid_t tid, const nsutil::Deadline& deadline) {
    JobOutcome outcome;
    const auto refuse = [&](int code, std::string why) {
        outcome.reply = failed_reply(code, std::move(why));
        return std::move(outcome);
    };
    auto requester = Requester::open(tid);
    if (!requester) return refuse(requester.error().code, requester.error().text());
    outcome.requester = std::move(*requester);
    const auto& who = *outcome.requester;
    auto chosen = choose_settings({given.config}, {.address = request.address, .creduid = host_uid}, who);
    const auto& settings = chosen.settings;
    outcome.rule = settings.rule;
    outcome.config_problems = std::move(chosen.problems);
    if (settings.deny) return refuse(EACCES, "denied by the configuration");
    auto options = given;
    options.enabled = settings.logon.value_or(options.enabled && !settings.distrusted);
    if (!settings.logon_files.empty()) options.files = settings.logon_files;
    if (!options.enabled) return refuse(ENOKEY, "credentials files are not switched on");
    if (who.is_kernel_thread())
        return refuse(ENOKEY, "a kernel thread asks: nothing tells whose namespaces it acts for");
    auto identity = SealedIdentity::user(host_uid, who, who.namespaces);
    if (!identity) return refuse(identity.error().code, identity.error().text());
    outcome.namespaces = "requester";
    const auto inside_uid = identity->inside_uid;
    const SealedJob job = {.namespaces = who.namespaces,
                           .identity = std::move(*identity),
                           .work = [&](Reply& reply) { return work(request, options, inside_uid, reply); }};
    outcome.reply = run_sealed(job, deadline);
    return outcome;
}

}  // namespace nsupcall
