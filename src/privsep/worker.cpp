#include "privsep/worker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "credentials/gss_proxy.hpp"
#include "credentials/locator.hpp"
#include "credentials/service_name.hpp"
#include "credentials/well_known_places.hpp"
#include "nsutil/child.hpp"
#include "nsutil/sandbox.hpp"
#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester_environment.hpp"
#include "privsep/sealed_job.hpp"
#include "spnego/ap_req.hpp"
#include "spnego/neg_token_init.hpp"

namespace nsupcall {
namespace {

using nsutil::Result;

/// Where a ccache may be written: the usual places, and those that were named.
std::vector<std::string> write_directories(const CredentialQuery& query) {
    std::vector<std::string> directories = {"/tmp", "/run/user/" + std::to_string(query.inside_uid)};
    const auto add = [&](const std::string& name) {
        auto directory = CcacheName::split(name).directory();
        if (!directory.empty() && std::ranges::find(directories, directory) == directories.end())
            directories.push_back(std::move(directory));
    };
    if (query.environment.ccache) add(*query.environment.ccache);
    if (!query.session_ccache.empty()) add(query.session_ccache);
    if (query.settings.allows(Source::csi)) directories.emplace_back(kCsiDirectory);
    if (!query.settings.ccaches.empty()) {
        const auto variables = pattern_variables(query);
        for (const auto& pattern : query.settings.ccaches)
            if (const auto name = expand(pattern, variables)) add(*name);
    }
    return directories;
}

Result<Krb5Context> open_krb5(const WorkerTask& task) {
    krb5_context raw = nullptr;
    // "Secure": nothing is taken from the environment, which is empty anyway.
    const auto error = task.profile != nullptr
                           ? krb5_init_context_profile(task.profile->handle(), KRB5_INIT_CONTEXT_SECURE, &raw)
                           : krb5_init_secure_context(&raw);
    if (error != 0) return fail_krb5(nullptr, error, "krb5.conf");
    return Krb5Context(raw);
}

Result<void> make_token(const WorkerTask& task, const CredentialQuery& query, Reply& reply) {
    auto krb5 = open_krb5(task);
    if (!krb5) return nsutil::propagate(krb5);
    if (task.examine != nullptr) {
        auto examined = task.examine(krb5->get(), query, reply);
        (void)krb5->release();
        return examined;
    }
    Locator locator(krb5->get(), query, reply.trace, [&](const Trace& so_far) {
        Reply waiting;
        waiting.code = ETIMEDOUT;
        waiting.message = "the KDC did not answer in time";
        waiting.trace = so_far;
        EmergencyReply::remember(waiting);
    });
    auto located = locator.find();
    if (!located) return nsutil::propagate(located);
    if (located->token) {
        reply.token = wrap_in_neg_token_init(located->token->ap_req, task.security);
        reply.session_key = std::move(located->token->session_key);
        reply.expires = located->token->expires;
    } else {
        auto ap_req = make_ap_req(krb5->get(), *located->ticket);
        if (!ap_req) return nsutil::propagate(ap_req);
        reply.token = wrap_in_neg_token_init(ap_req->message, task.security);
        reply.session_key = std::move(ap_req->session_key);
        reply.expires = static_cast<std::uint32_t>(located->ticket->times.endtime);
    }
    reply.tickets = std::move(located->tickets);
    reply.tickets_expire = located->tickets_expire;
    reply.client = std::move(located->client);
    reply.server = std::move(located->server);
    // The process ends here: tearing the context down would only cost time.
    (void)krb5->release();
    return {};
}

/// Where a worker stands when it begins, and why it cannot where it does not.
struct Beginning {
    const BoundaryHead* head = nullptr;  ///< null: the boundary's first step is still to be done
    pid_t broker = 0;
    int reply_fd = -1;
    const char* step = nullptr;
    int error = 0;
};

void remember_slowness() {
    Reply reply;
    reply.code = ETIMEDOUT;
    reply.message = "the worker did not finish in time";
    EmergencyReply::remember(reply);
}

/// Reads the environment, and crosses the boundary. What fails is in `beginning` then.
void go_inside(const WorkerTask& task, CredentialQuery& query, Trace& trace, const nsutil::Deadline& deadline,
               Beginning& beginning) {
    if (beginning.step != nullptr) return;
    read_environment(task.environ_dir, query.environment);
    const auto gssproxy = query.settings.gssproxy;
    if (gssproxy == GssProxyChoice::always ||
        (gssproxy == GssProxyChoice::on_request && query.environment.wants_gssproxy)) {
        if (const auto loaded = load_gssproxy(); !loaded)
            trace.add({"gssproxy", {}, Verdict::not_considered, {}, 0, loaded.error().what});
    }
    const auto directories = write_directories(query);
    std::vector<const char*> directory_names;
    directory_names.reserve(directories.size());
    for (const auto& directory : directories) directory_names.push_back(directory.c_str());
    const BoundaryPlan plan = {.namespaces = task.namespaces,
                               .host_uid = task.host_uid,
                               .inside_uid = task.inside_uid,
                               .host_gid = task.host_gid,
                               .host_groups = task.host_groups,
                               .parent = beginning.broker,
                               .reply_fd = beginning.reply_fd,
                               .write_directories = directory_names,
                               .host_network = query.settings.network == NetworkChoice::host,
                               .with_gssproxy = gssproxy_is_loaded(),
                               .cpu_seconds = static_cast<unsigned>(deadline.remaining_ms() / 1000) + 1};
    const auto failure =
        beginning.head != nullptr ? cross_boundary(plan, *beginning.head) : cross_boundary(plan);
    if (!failure) return;
    beginning.step = failure->step;
    beginning.error = failure->error;
}

int work(const WorkerTask& task, Beginning beginning, const nsutil::Deadline& deadline) {
    Reply reply;
    CredentialQuery query = task.query;
    go_inside(task, query, reply.trace, deadline, beginning);
    if (beginning.step != nullptr) {
        // Half-way across: say so in plain words and end; nothing else may run here.
        reply.code = beginning.error == EINVAL ? EACCES : beginning.error;
        reply.message = std::string("boundary: ") + beginning.step + ": " + ::strerror(beginning.error);
    } else {
        const auto made = make_token(task, query, reply);
        if (!made) {
            set_failure(reply, made.error());
            reply.token.clear();
            reply.session_key.clear();
            reply.tickets.clear();
            reply.payload.clear();
        }
    }
    auto message = encode_reply(reply);
    if (message.size() > kReplyLimit && !reply.tickets.empty()) {
        // Keeping them is a favour; the token is what was asked for.
        reply.tickets.clear();
        message = encode_reply(reply);
    }
    return nsutil::send_last_message(beginning.reply_fd, message) == 0 ? 0 : 1;
}

}  // namespace

int run_worker(const WorkerTask& task, pid_t broker, int reply_fd, const nsutil::Deadline& deadline) {
    remember_slowness();
    // Before anything that may block, as reading the environment may: the end of the time, and of the broker.
    Beginning beginning{.broker = broker, .reply_fd = reply_fd};
    const int armed = EmergencyReply::arm(reply_fd, deadline);
    const int bound = nsutil::bind_to_parent();
    if (armed != 0 || bound != 0) {
        beginning.step = armed != 0 ? "arm the timer" : "bind to the broker";
        beginning.error = armed != 0 ? armed : bound;
    }
    return work(task, beginning, deadline);
}

int run_prepared_worker(const WorkerTask& task, const BoundaryHead& head, pid_t broker, int reply_fd,
                        const nsutil::Deadline& deadline) {
    remember_slowness();
    Beginning beginning{.head = &head, .broker = broker, .reply_fd = reply_fd};
    if (const int error = EmergencyReply::arm_timer(deadline)) {
        beginning.step = "arm the timer";
        beginning.error = error;
    }
    return work(task, beginning, deadline);
}

}  // namespace nsupcall
