#include "privsep/place.hpp"

#include <algorithm>
#include <ctime>
#include <set>

#include "session/mount_search.hpp"
#include "trace/trace.hpp"

namespace nsupcall {
namespace {

using nsutil::Deadline;
using nsutil::fail;
using nsutil::Result;

/// What is left of the time after a search must do for the answer itself.
Deadline for_searching(const Deadline& deadline) {
    return Deadline::after(std::chrono::milliseconds(deadline.remaining_ms() / 2));
}

/// "container 0123456789ab", "process 123": how a log names a place.
std::string name_place(const std::string& container, pid_t tgid) {
    constexpr std::size_t kShort = 12;
    if (!container.empty()) return "container " + container.substr(0, kShort);
    return "process " + std::to_string(tgid);
}

Place place_of(LivingProcess process, const std::string& container) {
    Place place;
    place.anchor = {process.task.tid(), process.start_ticks};
    place.container = container.empty() ? process.place.container : container;
    place.whose = name_place(place.container, place.anchor.tgid);
    place.own = std::move(process.namespaces);
    return place;
}

/// The records that are alive, as places.
struct LivingRecords {
    std::vector<std::pair<SessionRecord, Place>> alive;
    std::vector<std::string> dead;  ///< names of places that are gone
};

/// Tries each record. Where some live, those of places that no process is in any more are removed, so that
/// the next search need not look for them. Where none does they stay: whose session it is must not be
/// forgotten.
Result<LivingRecords> bring_to_life(const std::vector<StoredSession>& stored, const Requester& requester,
                                    const SessionStore& sessions, const Deadline& deadline) {
    std::vector<const SessionRecord*> elsewhere;
    for (const auto& session : stored)
        if (!session.record.of_host) elsewhere.push_back(&session.record);
    auto search = find_living(elsewhere, requester.host, for_searching(deadline));
    if (!search.complete) return fail(ETIMEDOUT, "too many processes to search for the session's namespaces");
    LivingRecords result;
    std::vector<const StoredSession*> gone;
    std::size_t at = 0;
    for (const auto& session : stored) {
        const auto& record = session.record;
        auto* process = record.of_host ? nullptr : &search.found[at++];
        // A record of the host's is of this boot, and the host does not end before.
        if (record.of_host && record.place.view == requester.host) {
            result.alive.emplace_back(record, host_place(requester));
            continue;
        }
        if (process != nullptr && *process) {
            result.alive.emplace_back(record, place_of(std::move(**process), record.place.container));
            continue;
        }
        result.dead.push_back(escape(record.principal) + " of " +
                              name_place(record.place.container, record.anchor.tgid));
        gone.push_back(&session);
    }
    if (!result.alive.empty())
        for (const auto* session : gone) sessions.forget(*session);
    return result;
}

std::string list(const std::vector<std::string>& texts) {
    constexpr std::size_t kMost = 4;
    std::string text;
    for (std::size_t at = 0; at < std::min(texts.size(), kMost); ++at)
        text += (at > 0 ? ", " : "") + texts[at];
    if (texts.size() > kMost) text += ", and " + std::to_string(texts.size() - kMost) + " more";
    return text;
}

/// The newest, if all are of one principal.
Result<Place> choose(LivingRecords records, bool with_identity) {
    auto& alive = records.alive;
    std::set<std::string> principals;
    std::vector<std::string> names;
    for (const auto& [record, place] : alive) {
        if (principals.insert(record.principal).second)
            names.push_back(escape(record.principal) + " of " + (place.of_host ? "the host" : place.whose));
    }
    if (with_identity && principals.size() > 1)
        return fail(ENOKEY, "a kernel thread asks, and several sessions fit: " + list(names) +
                                "; to tell them apart mount each with a username= of its own");
    auto& [record, place] = alive.front();
    if (with_identity) {
        place.ccache = record.ccache;
        place.principal = record.principal;
    }
    place.whose = place.of_host ? "host (session record)" : place.whose + " (session record)";
    return std::move(place);
}

Result<HolderSearch> search_mounts(const SessionKey& key, const Requester& requester,
                                   const Deadline& deadline) {
    auto holders = find_holders(key, requester.host, for_searching(deadline));
    if (!holders) return nsutil::propagate(holders, "no session record fits; mount tables");
    if (!holders->complete) return fail(ETIMEDOUT, "too many mount tables to search for the session's mount");
    return holders;
}

Result<Place> place_of_holder(HolderSearch holders, const Requester& requester) {
    const std::size_t count = holders.others + (holders.host ? 1 : 0);
    if (count == 0)
        return fail(ENOKEY, "no session record fits, and no living mount namespace holds the mount");
    // On a multiuser mount that several hold, each user's session may have been made by any of them.
    Place place;
    if (holders.host && (!holders.multiuser || count == 1))
        place = host_place(requester);
    else if (count == 1)
        place = place_of(std::move(*holders.process), {});
    else
        return fail(ENOKEY, "no session record fits, and " + std::to_string(count) +
                                " mount namespaces hold the mount: nothing tells which one made it");
    place.whose += " (mount table)";
    return place;
}

Result<Place> with_notes(Result<Place> place, const std::vector<std::string>& notes) {
    if (place)
        place->notes.insert(place->notes.end(), notes.begin(), notes.end());
    else
        for (const auto& note : notes) place.error().what += "; " + escape(note, 512);
    return place;
}

std::vector<StoredSession> same_address_first(std::vector<StoredSession> sessions, const SessionKey& key) {
    std::ranges::stable_partition(
        sessions, [&](const StoredSession& session) { return session.record.key.address == key.address; });
    return sessions;
}

/// Those of the address alone where one of them lives: several servers may share a name.
LivingRecords prefer_address(LivingRecords records, const SessionKey& key) {
    const auto of_address = [&](const auto& alive) { return alive.first.key.address == key.address; };
    if (std::ranges::any_of(records.alive, of_address))
        std::erase_if(records.alive, [&](const auto& alive) { return !of_address(alive); });
    return records;
}

}  // namespace

Place host_place(const Requester& requester) {
    Place place;
    place.own = nsutil::NamespaceSet::none(requester.host);
    place.whose = "host";
    place.of_host = true;
    return place;
}

Place requester_place(const Requester& requester) {
    Place place;
    place.whose = "requester";
    place.of_requester = true;
    place.container = requester.container;
    return place;
}

Result<Place> mounter_place(const SpnegoRequest& request, const Requester& requester,
                            const SessionStore& sessions, const Deadline& deadline) {
    const auto key = SessionKey::of(request);
    auto boot = boot_id();
    if (!boot) return nsutil::propagate(boot);
    auto found = sessions.find(key, *boot, std::time(nullptr));
    auto records =
        bring_to_life(same_address_first(std::move(found.sessions), key), requester, sessions, deadline);
    if (!records) return nsutil::propagate(records);
    if (!records->alive.empty())
        return with_notes(choose(prefer_address(std::move(*records), key), true), found.notes);
    // It was somebody's who is gone: a mount table that holds the mount still would name another.
    if (!records->dead.empty())
        return with_notes(
            fail(ENOKEY, "a kernel thread asks, and whose session it was is gone: " + list(records->dead)),
            found.notes);
    if (key.from_mount) return with_notes(host_place(requester), found.notes);
    auto holders = search_mounts(key, requester, deadline);
    if (!holders) return with_notes(std::unexpected(holders.error()), found.notes);
    return with_notes(place_of_holder(std::move(*holders), requester), found.notes);
}

Result<Place> mounter_place_for_task(const SpnegoRequest& request, const Requester& requester,
                                     const SessionStore& sessions, const Deadline& deadline) {
    const auto key = SessionKey::of(request);
    auto boot = boot_id();
    if (!boot) return nsutil::propagate(boot);
    auto found = sessions.find_any_user(key, *boot, std::time(nullptr));
    auto records =
        bring_to_life(same_address_first(std::move(found.sessions), key), requester, sessions, deadline);
    if (!records) return nsutil::propagate(records);
    auto preferred = prefer_address(std::move(*records), key);
    std::vector<nsutil::NamespaceId> places;
    for (const auto& [record, place] : preferred.alive) {
        const auto& mounts = place.namespaces(requester).view().of(nsutil::NamespaceKind::mount);
        if (std::ranges::find(places, mounts) == places.end()) places.push_back(mounts);
    }
    if (places.size() > 1)
        return with_notes(fail(ENOKEY, "target = mounter, and sessions of " + std::to_string(places.size()) +
                                           " mount namespaces fit"),
                          found.notes);
    if (places.size() == 1) {
        // Those of the same user, where there are some, know the ccache as well.
        const auto of_user = [&](const auto& alive) { return alive.first.key.creduid == key.creduid; };
        const bool known = std::ranges::any_of(preferred.alive, of_user);
        if (known) std::erase_if(preferred.alive, [&](const auto& alive) { return !of_user(alive); });
        return with_notes(choose(std::move(preferred), known), found.notes);
    }
    auto holders = search_mounts(key, requester, deadline);
    if (!holders) return with_notes(std::unexpected(holders.error()), found.notes);
    if (!holders->host && holders->others == 0) return with_notes(requester_place(requester), found.notes);
    return with_notes(place_of_holder(std::move(*holders), requester), found.notes);
}

Result<Place> resolve_place(const SpnegoRequest& request, const Requester& requester,
                            const SessionStore& sessions, const Deadline& deadline) {
    if (requester.is_kernel_thread()) return mounter_place(request, requester, sessions, deadline);
    if (request.target == UpcallTarget::mount) return host_place(requester);
    return requester_place(requester);
}

}  // namespace nsupcall
