#include "privsep/remember.hpp"

#include <ctime>

namespace nsupcall {
namespace {

std::string used_ccache(const Trace& trace) {
    for (const auto& candidate : trace.candidates())
        if (candidate.verdict == Verdict::used) return candidate.name;
    return {};
}

}  // namespace

nsutil::Result<void> remember_session(const SessionStore& sessions, const SpnegoRequest& request,
                                      const Requester& requester, const Place& place, const Reply& reply) {
    auto boot = boot_id();
    if (!boot) return nsutil::propagate(boot, "session record");
    const auto& namespaces = place.namespaces(requester);
    SessionRecord record;
    record.key = SessionKey::of(request);
    record.of_host = namespaces.view() == requester.host;
    record.place = identify(namespaces, place.container);
    record.boot_id = std::move(*boot);
    record.principal = reply.client;
    record.ccache = used_ccache(reply.trace);
    record.written = std::time(nullptr);
    record.anchor = place.anchor;
    // Inode numbers alone may belong to other namespaces by the next time: then when it was written counts.
    const bool lasting = record.of_host || record.place.serials != NamespaceSerials{};
    if (lasting && sessions.has_fresh(record, record.written)) return {};
    if (!record.of_host) {
        // The requester waits for the key: its namespaces were alive when it was answered, and are still,
        // unless it was killed meanwhile. Its start is certain to lie within their life.
        record.alive_ticks = ticks_now();
        if (record.anchor.tgid == 0)
            record.anchor = find_anchor(requester.task, namespaces.view(), requester.host);
    }
    return sessions.save(record);
}

}  // namespace nsupcall
