#include "session/mount_search.hpp"

#include <fcntl.h>

#include <unordered_map>
#include <utility>

#include "nsutil/bounded_read.hpp"
#include "session/cifs_mounts.hpp"
#include "session/process_scan.hpp"

namespace nsupcall {
namespace {

using nsutil::NamespaceKind;

/// A service of the host with a mount namespace of its own (see Requester::is_host_service).
bool is_host_service(const nsutil::NamespaceView& view, const nsutil::NamespaceView& own) {
    return view.same(NamespaceKind::pid, own) && view.same(NamespaceKind::user, own) && view.same_root(own);
}

}  // namespace

nsutil::Result<HolderSearch> find_holders(const SessionKey& key, const nsutil::NamespaceView& own,
                                          const nsutil::Deadline& deadline) {
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    HolderSearch search;
    std::optional<nsutil::Error> problem;
    // A namespace is a service's only if all its processes are: who made a container's namespaces, or entered
    // them from the host, is in them as well, in the host's pid namespace.
    enum class State : std::uint8_t { no_holder, service, counted };
    std::unordered_map<ino_t, State> seen;
    const auto seen_all = scan_processes(deadline, [&](pid_t tgid, ino_t mounts) {
        if (const auto known = seen.find(mounts); known != seen.end()) {
            if (known->second != State::service) return true;
            auto process = LivingProcess::open(tgid, own);
            if (!process || process->place.view.of(NamespaceKind::mount).inode != mounts ||
                is_host_service(process->place.view, own))
                return true;
            known->second = State::counted;
            if (search.others++ == 0) search.process = std::move(*process);
            return true;
        }
        const auto may_see = may_see_cifs(proc->get(), tgid);
        // It is gone, or it is a kernel thread: the next process of the same namespace will do.
        if (!may_see) return true;
        if (!*may_see) return seen.emplace(mounts, State::no_holder), true;
        const auto text =
            nsutil::read_file_at(proc->get(), (std::to_string(tgid) + "/mountinfo").c_str(), kMountinfoLimit);
        if (!text || text->empty()) return true;
        auto& state = seen.emplace(mounts, State::no_holder).first->second;
        const auto table = parse_cifs_mounts(*text);
        if (!table) {
            problem = table.error();
            return false;
        }
        bool holds = false;
        for (const auto& mount : *table)
            if (may_belong(key, mount)) {
                holds = true;
                search.multiuser = search.multiuser || mount.multiuser;
            }
        if (!holds) return true;
        if (mounts == own.of(NamespaceKind::mount).inode) {
            search.host = true;
            return true;
        }
        auto process = LivingProcess::open(tgid, own);
        if (!process || process->place.view.of(NamespaceKind::mount).inode != mounts) {
            seen.erase(mounts);
            return true;
        }
        if (is_host_service(process->place.view, own)) {
            state = State::service;
        } else {
            state = State::counted;
            if (search.others++ == 0) search.process = std::move(*process);
        }
        return true;
    });
    if (!seen_all) return std::unexpected(seen_all.error());
    if (problem) return std::unexpected(*problem);
    search.complete = *seen_all;
    for (const auto& [mounts, state] : seen) search.host = search.host || state == State::service;
    return search;
}

}  // namespace nsupcall
