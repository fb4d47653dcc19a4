#include "helpers/chronicle.hpp"

namespace nsupcall {
namespace {

HistoryRequester requester_of(const Requester& requester) {
    using nsutil::NamespaceKind;
    HistoryRequester out;
    out.tid = requester.task.tid();
    out.tgid = requester.status.tgid;
    out.uid = requester.status.uids.real;
    out.comm = requester.status.name;
    out.container = requester.container;
    out.kernel_thread = requester.is_kernel_thread();
    const auto& view = requester.namespaces.view();
    const auto foreign = [&](NamespaceKind kind) {
        return view.same(kind, requester.host) ? std::uint64_t{0} : std::uint64_t{view.of(kind).inode};
    };
    out.mount_namespace = foreign(NamespaceKind::mount);
    out.net_namespace = foreign(NamespaceKind::net);
    out.user_namespace = foreign(NamespaceKind::user);
    out.pid_namespace = foreign(NamespaceKind::pid);
    return out;
}

void take_reply(HistoryRecord& record, const Reply& reply) {
    record.principal = reply.client;
    record.server = reply.server;
    record.expires = reply.expires;
    record.trace = reply.trace;
}

}  // namespace

std::string Chronicle::add(HistoryRecord record) const {
    using std::chrono::duration_cast;
    using std::chrono::microseconds;
    const auto since = [](auto span) { return duration_cast<microseconds>(span).count(); };
    record.duration_us = static_cast<std::uint64_t>(since(std::chrono::steady_clock::now() - started));
    record.time_us = since(std::chrono::system_clock::now().time_since_epoch());
    const auto number = history.append(std::move(record));
    return number ? std::string() : "not in the history: " + number.error().text();
}

HistoryRecord history_of(const SpnegoRequest& request, const SpnegoOutcome& outcome, int code,
                         std::string why) {
    HistoryRecord record;
    record.call = "cifs.spnego";
    record.code = code;
    record.message = std::move(why);
    record.host = request.host;
    record.address = request.address;
    record.user = request.user;
    record.creduid = request.creduid;
    record.requester.tid = request.tid;
    if (outcome.requester) record.requester = requester_of(*outcome.requester);
    if (outcome.place) {
        record.whose = outcome.place->whose;
        record.place_container = outcome.place->container;
        record.notes = outcome.place->notes;
    }
    record.rule = outcome.rule;
    take_reply(record, outcome.reply);
    return record;
}

HistoryRecord history_of(const CallResult& result, int code, std::string why) {
    HistoryRecord record;
    record.code = code;
    record.message = std::move(why);
    if (result.job.requester) {
        record.requester = requester_of(*result.job.requester);
        record.place_container = result.job.requester->container;
    }
    record.whose = result.job.namespaces;
    record.rule = result.job.rule;
    for (const auto& word : result.words) record.answer += (record.answer.empty() ? "" : ", ") + word;
    take_reply(record, result.job.reply);
    return record;
}

}  // namespace nsupcall
