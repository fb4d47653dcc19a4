#include "privsep/spnego_upcall.hpp"

#include <unistd.h>

#include <vector>

#include "credentials/host_profile.hpp"
#include "credentials/host_sources.hpp"
#include "credentials/keytab_source.hpp"
#include "credentials/service_name.hpp"
#include "nsutil/child.hpp"
#include "privsep/place.hpp"
#include "privsep/rule_choice.hpp"
#include "privsep/sealed_job.hpp"
#include "privsep/ticket_keeper.hpp"
#include "privsep/worker.hpp"

namespace nsupcall {
namespace {

using nsutil::propagate;
using nsutil::Result;

/// @param worker  where the worker is kept when it has replied; nothing else is to be done with it. Empty
///                afterwards: there was none
Reply run(const WorkerTask& task, WorkerSource* workers, std::optional<nsutil::Child>& worker,
          const nsutil::Deadline& deadline) {
    worker.reset();
    if (workers != nullptr) {
        auto given = workers->give(task, deadline);
        if (!given) return failed_reply(EAGAIN, "there is no worker for this task");
        worker.emplace(std::move(*given));
    } else {
        const pid_t broker = ::getpid();
        auto child =
            nsutil::Child::spawn([&](int reply_fd) { return run_worker(task, broker, reply_fd, deadline); });
        if (!child) return failed_reply(child.error().code, "worker: " + child.error().text());
        worker.emplace(std::move(*child));
    }
    auto reply = await_reply(*worker, deadline);
    worker->kill();  // unless it has answered
    if (reply.code == 0 && (task.examine != nullptr ? reply.payload.empty() : reply.token.empty()))
        return failed_reply(EKEYREJECTED, "the worker's reply is for another question");
    return reply;
}

/// What an examination would have answered, in the place of the answer.
Examined take_findings(const Place& place, std::uint32_t inside_uid, Reply& reply) {
    Examined examined{place.whose, inside_uid, 0, {}};
    if (reply.code == 0) {
        auto findings = decode_findings(reply.payload);
        reply.payload.clear();
        if (findings) {
            reply.code = findings->code;
            reply.message = findings->message;
            reply.client = findings->client;
            reply.server = findings->server;
            reply.expires = findings->expires;
            examined.findings = std::move(*findings);
        } else {
            set_failure(reply, findings.error());
        }
    }
    return examined;
}

/// What only a fork carries over to the worker: secrets of the host in the broker's memory, and libraries. A
/// broker that goes on to serve others must not even load them.
bool takes_a_fork(const SpnegoOptions& options, const Settings& settings) {
    return options.examine != nullptr || !options.krb5_conf.empty() ||
           settings.gssproxy != GssProxyChoice::never ||
           (settings.allows(Source::keytab) && !(options.keytab.empty() && settings.keytab.empty())) ||
           (settings.allows(Source::host_ccache) && !settings.host_ccaches.empty());
}

std::uint32_t creduid_of(const SpnegoRequest& request, const SpnegoOptions& options) {
    return options.legacy_uid ? request.uid : request.creduid;
}

/// Everything that both attempts (the requester's namespaces, the host's) share.
class Attempt {
  public:
    Attempt(const SpnegoRequest& request, const SpnegoOptions& options, const Settings& settings,
            const Requester& requester, const nsutil::Deadline& deadline)
        : request_(request),
          options_(options),
          settings_(settings),
          requester_(requester),
          deadline_(deadline),
          creduid_(creduid_of(request, options)) {}

    /// Reads what the options and the rule name from the host.
    Result<void> prepare() {
        if (!options_.krb5_conf.empty()) {
            auto profile = HostProfile::read(options_.krb5_conf);
            if (!profile) return propagate(profile);
            profile_ = std::move(*profile);
        }
        if (!settings_.allows(Source::keytab)) return {};
        load_keytab("keytab of the host", options_.keytab, "MEMORY:nsupcall-host-keytab", keytab_);
        load_keytab("keytab of rule " + settings_.rule, settings_.keytab, "MEMORY:nsupcall-rule-keytab",
                    rule_keytab_);
        return {};
    }

    Reply in(const Place& place) {
        const auto& namespaces = place.namespaces(requester_);
        const auto inside_uid = namespaces.uid_map().to_inside(creduid_);
        if (!inside_uid)
            return failed_reply(
                EACCES, "uid " + std::to_string(creduid_) + " has no id in the requester's user namespace");
        const bool runs_as = place.of_requester && requester_.runs_as(creduid_);
        WorkerTask task{.namespaces = namespaces, .host_uid = creduid_, .inside_uid = *inside_uid};
        task.host_gid = runs_as ? requester_.status.gids.real : kNoGroup;
        if (runs_as) task.host_groups = requester_.status.groups;
        if (!options_.probe_environment || !settings_.environment)
            task.query.environment.note = "switched off";
        else if (!place.of_requester)
            task.query.environment.note = "it names a place in other namespaces";
        else if (!runs_as && !requester_.is_host_root())
            task.query.environment.note =
                "the requester is uid " + std::to_string(requester_.status.uids.real);
        else
            task.environ_dir = requester_.task.dir();
        task.query.host = lower_case(request_.host);
        task.query.address = request_.address;
        // A session goes on as whom it began: with another principal it would change its owner on the server.
        task.query.user = place.principal.empty() ? request_.user : place.principal;
        task.query.inside_uid = *inside_uid;
        task.query.host_uid = creduid_;
        task.query.session_ccache = place.ccache;
        task.query.container = place.container.empty() ? requester_.container : place.container;
        task.query.host_keytab = keytab_;
        task.query.rule_keytab = rule_keytab_;
        task.query.trust_dns = options_.trust_dns;
        task.query.settings = settings_;
        if (settings_.allows(Source::host_ccache) && !settings_.host_ccaches.empty())
            task.query.host_ccaches = load_host_ccaches(task.query);
        task.security = request_.security;
        task.profile = profile_.get();
        task.examine = options_.examine;
        TicketKeeper keeper(
            options_.sessions, settings_, requester_, place,
            {creduid_, task.query.user, {settings_.keytab, options_.keytab, options_.krb5_conf}});
        task.query.kept_tickets = task.examine == nullptr ? keeper.take(deadline_) : keeper.peek();
        auto reply = run(task, options_.workers, worker_, deadline_);
        lacked_worker_ = options_.workers != nullptr && !worker_;
        if (task.examine == nullptr)
            keeper.put(reply);
        else
            examined_.push_back(take_findings(place, *inside_uid, reply));
        notes_ = keeper.notes();
        if (reply.code != 0)
            for (const auto& problem : keytab_problems_) reply.trace.add(problem);
        if (task.examine != nullptr) examined_.back().candidates = reply.trace.candidates().size();
        return reply;
    }

    [[nodiscard]] std::vector<Examined>& examined() { return examined_; }
    [[nodiscard]] std::optional<nsutil::Child>& worker() { return worker_; }
    /// Whether the last task was nobody's.
    [[nodiscard]] bool lacked_worker() const { return lacked_worker_; }
    /// What the log should tell of the last attempt.
    [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

  private:
    /// Only a last resort: where it cannot be read caches are looked for all the same.
    void load_keytab(const std::string& source, const std::string& path, const char* memory_name,
                     std::string& target) {
        if (path.empty()) return;
        auto loaded = load_host_keytab(path, memory_name);
        if (loaded) {
            target = memory_name;
            copies_.push_back(std::move(*loaded));
        } else {
            keytab_problems_.push_back({source, path, Verdict::failed, {}, 0, loaded.error().text()});
        }
    }

    const SpnegoRequest& request_;
    const SpnegoOptions& options_;
    const Settings& settings_;
    const Requester& requester_;
    const nsutil::Deadline& deadline_;
    std::uint32_t creduid_;
    std::unique_ptr<HostProfile> profile_;
    std::string keytab_, rule_keytab_;  ///< MEMORY keytabs; empty for none
    std::vector<HostCopy> copies_;      ///< of what they were filled from
    std::vector<Candidate> keytab_problems_;
    std::vector<std::string> notes_;
    std::vector<Examined> examined_;
    std::optional<nsutil::Child> worker_;
    bool lacked_worker_ = false;
};

}  // namespace

SpnegoOutcome answer_spnego(const SpnegoRequest& request, const SpnegoOptions& options,
                            const nsutil::Deadline& given_deadline) {
    SpnegoOutcome outcome;
    auto deadline = given_deadline;
    if (request.security == Security::iakerb) {
        // An IAKERB exchange takes several messages each way (draft-ietf-kitten-iakerb); the kernel's client
        // asks for one token, and brings no answer of the server back.
        outcome.reply = failed_reply(EINVAL,
                                     "sec=iakerb is not possible: the kernel carries one token only. Where "
                                     "the KDC can be reached from "
                                     "here mount with sec=krb5, else with sec=ntlmssp");
        return outcome;
    }
    auto requester = Requester::open(request.tid);
    if (!requester) {
        outcome.reply = failed_reply(requester.error().code, requester.error().text());
        return outcome;
    }
    outcome.requester = std::move(*requester);
    const auto& who = *outcome.requester;

    auto place = resolve_place(request, who, options.sessions, deadline);
    const auto chosen = choose_settings({options.config, options.prepared_rules}, request,
                                        creduid_of(request, options), who, place ? &*place : nullptr);
    const auto& settings = chosen.settings;
    outcome.rule = settings.rule;
    outcome.config_problems = chosen.problems;
    if (options.examine != nullptr) outcome.settings = settings;
    if (settings.deny) {
        outcome.reply = failed_reply(EACCES, settings.rule.empty() ? "denied by the configuration"
                                                                   : "denied by rule " + settings.rule);
        return outcome;
    }
    if (settings.deadline_s != 0) {
        deadline = nsutil::Deadline::after(std::chrono::seconds(settings.deadline_s));
        if (options.deadline_changed) options.deadline_changed(deadline);
    }
    place = apply_target(settings.target, std::move(place), request, who, options.sessions, deadline);
    if (!place) {
        outcome.reply = failed_reply(place.error().code, place.error().text());
        return outcome;
    }
    outcome.declined = options.workers != nullptr && takes_a_fork(options, settings);
    if (outcome.declined) return outcome;
    Attempt attempt(request, options, settings, who, deadline);
    if (auto prepared = attempt.prepare(); !prepared) {
        outcome.reply = failed_reply(prepared.error().code, prepared.error().text());
        return outcome;
    }
    outcome.reply = attempt.in(*place);
    outcome.place = std::move(*place);
    // A service of the host with a private /tmp has its tickets where the host keeps them.
    if (outcome.reply.code == ENOKEY && outcome.place->of_requester &&
        (who.is_host_service() || settings.host_fallback)) {
        auto trace = std::move(outcome.reply.trace);
        outcome.place = host_place(who);
        outcome.reply = attempt.in(*outcome.place);
        for (const auto& candidate : outcome.reply.trace.candidates()) trace.add(candidate);
        outcome.reply.trace = std::move(trace);
    }
    outcome.declined = attempt.lacked_worker() || (options.workers != nullptr && outcome.reply.worker_lost &&
                                                   !options.workers->lives());
    outcome.examined = std::move(attempt.examined());
    if (attempt.worker()) outcome.worker.emplace(std::move(*attempt.worker()));
    for (const auto& note : attempt.notes()) outcome.place->notes.push_back(note);
    return outcome;
}

}  // namespace nsupcall
