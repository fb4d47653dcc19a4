#include "privsep/names_upcall.hpp"

#include <algorithm>
#include <ctime>

#include "credentials/service_name.hpp"
#include "names/address_lookup.hpp"
#include "privsep/rule_choice.hpp"

namespace nsupcall {
namespace {

/// Nobody caches an address for longer than a week.
constexpr std::int64_t kTtlMost = 7 * 24 * 3600;

nsutil::Result<void> work(const NameQuery& query, Reply& reply) {
    auto found = look_up(query);
    if (!found) return nsutil::propagate(found);
    std::string text;
    for (const auto& address : found->texts) {
        if (!text.empty()) text += ',';
        text += address;
    }
    const auto bytes = std::as_bytes(std::span(text));
    reply.payload.assign(bytes.begin(), bytes.end());
    if (found->ttl_seconds)
        reply.expires = std::time(nullptr) + std::max<std::int64_t>(1, *found->ttl_seconds);
    return {};
}

}  // namespace

NamesOutcome answer_name(const NameQuery& query, const std::string& config, pid_t tid,
                         const nsutil::Deadline& deadline) {
    NamesOutcome outcome;
    auto requester = Requester::open(tid);
    if (!requester) {
        outcome.job.reply = failed_reply(requester.error().code, requester.error().text());
        return outcome;
    }
    outcome.job.requester = std::move(*requester);
    const auto& who = *outcome.job.requester;
    auto chosen =
        choose_settings({config}, {.host = lower_case(query.name), .creduid = who.status.uids.real}, who);
    outcome.job.rule = chosen.settings.rule;
    outcome.job.config_problems = std::move(chosen.problems);
    if (chosen.settings.deny) {
        outcome.job.reply = failed_reply(EACCES, "denied by the configuration");
        return outcome;
    }
    outcome.job.namespaces = who.is_kernel_thread() ? "host" : "requester";
    auto identity = SealedIdentity::nobody(who.namespaces);
    if (!identity) {
        outcome.job.reply = failed_reply(identity.error().code, identity.error().text());
        return outcome;
    }
    const SealedJob job = {.namespaces = who.namespaces,
                           .identity = std::move(*identity),
                           .work = [&](Reply& reply) { return work(query, reply); }};
    outcome.job.reply = run_sealed(job, deadline);
    const auto& reply = outcome.job.reply;
    if (reply.code != 0) return outcome;
    if (reply.payload.empty()) {
        outcome.job.reply = failed_reply(EKEYREJECTED, "the worker's reply holds no address");
        return outcome;
    }
    std::string_view text(reinterpret_cast<const char*>(reply.payload.data()), reply.payload.size());
    for (bool more = true; more;) {
        const auto end = text.find(',');
        more = end != std::string_view::npos;
        outcome.addresses.emplace_back(text.substr(0, end));
        text.remove_prefix(more ? end + 1 : text.size());
    }
    if (reply.expires > 0)
        outcome.ttl_seconds =
            static_cast<unsigned>(std::clamp<std::int64_t>(reply.expires - std::time(nullptr), 1, kTtlMost));
    return outcome;
}

}  // namespace nsupcall
