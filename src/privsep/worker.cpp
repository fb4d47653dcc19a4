#include "privsep/worker.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "credentials/locator.hpp"
#include "credentials/service_name.hpp"
#include "nsutil/bounded_read.hpp"
#include "nsutil/child.hpp"
#include "nsutil/proc_text.hpp"
#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/reply.hpp"
#include "privsep/sealed_job.hpp"
#include "spnego/ap_req.hpp"
#include "spnego/neg_token_init.hpp"

namespace nsupcall {
namespace {

using nsutil::Result;

/// KRB5CCNAME of the requester. Reads its memory, which may block for as long as it likes: only the worker
/// does that, whose end the broker does not wait for.
std::optional<std::string> read_environment_ccache(const WorkerTask& task, std::string& note) {
    if (task.environ_dir < 0) return std::nullopt;
    const auto text = nsutil::read_file_at(task.environ_dir, "environ", nsutil::kEnvironLimit);
    if (!text) {
        note = "the environment cannot be read: " + text.error().text();
        return std::nullopt;
    }
    const auto value = nsutil::find_in_environ(*text, "KRB5CCNAME");
    if (!value || value->empty()) return std::nullopt;
    constexpr std::size_t kNameMost = 4096;
    if (value->size() > kNameMost) {
        note = "longer than a path can be";
        return std::nullopt;
    }
    return std::string(*value);
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

Result<void> make_token(const WorkerTask& task, const std::optional<std::string>& environment_ccache,
                        Reply& reply) {
    auto krb5 = open_krb5(task);
    if (!krb5) return nsutil::propagate(krb5);
    CredentialQuery query;
    query.host = lower_case(task.host);
    query.address = task.address;
    query.user = task.user;
    query.inside_uid = task.inside_uid;
    query.environment_ccache = environment_ccache;
    query.environment_note = task.environment_note;
    query.host_keytab = task.host_keytab;
    query.trust_dns = task.trust_dns;
    Locator locator(krb5->get(), query, reply.trace, [&](const Trace& so_far) {
        Reply waiting;
        waiting.code = ETIMEDOUT;
        waiting.message = "the KDC did not answer in time";
        waiting.trace = so_far;
        EmergencyReply::remember(waiting);
    });
    auto located = locator.find();
    if (!located) return nsutil::propagate(located);
    auto ap_req = make_ap_req(krb5->get(), *located->ticket);
    if (!ap_req) return nsutil::propagate(ap_req);
    reply.token = wrap_in_neg_token_init(ap_req->message, task.security);
    reply.session_key = std::move(ap_req->session_key);
    reply.client = std::move(located->client);
    reply.server = std::move(located->server);
    reply.expires = static_cast<std::uint32_t>(located->ticket->times.endtime);
    // The process ends here: tearing the context down would only cost time.
    (void)krb5->release();
    return {};
}

}  // namespace

int run_worker(const WorkerTask& task, pid_t broker, int reply_fd, const nsutil::Deadline& deadline) {
    Reply reply;
    reply.code = ETIMEDOUT;
    reply.message = "the worker did not finish in time";
    EmergencyReply::remember(reply);
    std::string note = task.environment_note;
    const auto environment_ccache = read_environment_ccache(task, note);

    std::string ccache_directory;
    if (environment_ccache) ccache_directory = CcacheName::split(*environment_ccache).directory();
    const std::string run_directory = "/run/user/" + std::to_string(task.inside_uid);
    std::vector<const char*> write_directories = {"/tmp", run_directory.c_str()};
    if (!ccache_directory.empty()) write_directories.push_back(ccache_directory.c_str());
    const BoundaryPlan plan = {.namespaces = task.namespaces,
                               .host_uid = task.host_uid,
                               .inside_uid = task.inside_uid,
                               .host_gid = task.host_gid,
                               .host_groups = task.host_groups,
                               .parent = broker,
                               .reply_fd = reply_fd,
                               .write_directories = write_directories,
                               .cpu_seconds = static_cast<unsigned>(deadline.remaining_ms() / 1000) + 1};
    const char* step = nullptr;
    int error = EmergencyReply::arm(reply_fd, deadline);
    if (error != 0)
        step = "arm the timer";
    else if (const auto failure = cross_boundary(plan)) {
        step = failure->step;
        error = failure->error;
    }
    reply = {};
    if (step != nullptr) {
        // Half-way across: say so in plain words and end; nothing else may run here.
        reply.code = error == EINVAL ? EACCES : error;
        reply.message = std::string("boundary: ") + step + ": " + ::strerror(error);
    } else {
        WorkerTask inside = task;
        inside.environment_note = note;
        const auto made = make_token(inside, environment_ccache, reply);
        if (!made) {
            set_failure(reply, made.error());
            reply.token.clear();
            reply.session_key.clear();
        }
    }
    return nsutil::send_message(reply_fd, encode_reply(reply)) == 0 ? 0 : 1;
}

}  // namespace nsupcall
