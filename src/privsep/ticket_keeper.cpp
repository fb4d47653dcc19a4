#include "privsep/ticket_keeper.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <ctime>

#include "session/living_place.hpp"

namespace nsupcall {
namespace {

/// Changes with the file: who exchanges a keytab wants nothing more of the old one's tickets.
std::string state_of(const std::string& path) {
    struct stat info = {};
    if (path.empty() || ::stat(path.c_str(), &info) != 0) return path;
    return path + ":" + std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino) + ":" +
           std::to_string(info.st_size) + ":" + std::to_string(info.st_mtim.tv_sec) + "." +
           std::to_string(info.st_mtim.tv_nsec);
}

std::string right_of(const Settings& settings, const TicketKeeper::For& what) {
    std::string right = "rule " + settings.rule + " principal " + settings.principal;
    if (settings.keytab_first_entry) right += " first-entry";
    for (const auto& keytab : what.keytabs) right += " keytab " + state_of(keytab);
    return right;
}

}  // namespace

TicketKeeper::TicketKeeper(const SessionStore& sessions, const Settings& settings, const Requester& requester,
                           const Place& place, const For& what)
    : requester_(requester),
      place_(place),
      store_(settings.ticket_cache && settings.allows(Source::keytab) ? TicketStore::beside(sessions.folder())
                                                                      : TicketStore("")) {
    if (!settings.ticket_cache) return;
    const auto& namespaces = place.namespaces(requester);
    key_.of_host = namespaces.view() == requester.host;
    key_.place = identify(namespaces, place.container.empty() ? requester.container : place.container);
    key_.host_uid = what.host_uid;
    key_.user = what.user;
    key_.right = right_of(settings, what);
    key_.host = requester.host;
    key_.witness = place.own ? place.anchor : Anchor{requester.status.tgid, requester.stat.start_ticks};
}

nsutil::SecretBytes TicketKeeper::find() {
    auto kept = store_.find(key_, std::time(nullptr));
    if (kept) return std::move(*kept);
    if (kept.error().code != ENOENT) notes_.push_back(kept.error().text());
    return {};
}

nsutil::SecretBytes TicketKeeper::take(const nsutil::Deadline& deadline) {
    auto kept = find();
    if (!kept.empty()) return kept;
    lock_ = store_.lock(key_, deadline);
    // Whoever had the lock before has made some by now.
    return lock_ ? find() : nsutil::SecretBytes();
}

void TicketKeeper::put(const Reply& reply) {
    if (reply.code != 0 || reply.tickets.empty()) return;
    // Somebody that outlives the requester, which may be a mount.cifs: who comes next proves the place by it.
    if (!key_.of_host && !place_.own)
        key_.witness = find_anchor(requester_.task, key_.place.view, requester_.host);
    const auto now = static_cast<std::int64_t>(std::time(nullptr));
    const auto expires = std::min(reply.tickets_expire, now + TicketStore::kAgeMost);
    if (const auto saved = store_.save(key_, reply.tickets, expires, now); !saved)
        notes_.push_back(saved.error().text());
}

}  // namespace nsupcall
