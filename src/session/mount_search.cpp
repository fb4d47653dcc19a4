#include "session/mount_search.hpp"

#include <fcntl.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "nsutil/bounded_read.hpp"
#include "session/cifs_mounts.hpp"
#include "session/mount_census.hpp"
#include "session/process_scan.hpp"

namespace nsupcall {
namespace {

using nsutil::NamespaceKind;
using nsutil::NamespaceView;
using nsutil::Result;

/// A service of the host with a mount namespace of its own (see Requester::is_host_service).
bool is_host_service(const NamespaceView& view, const NamespaceView& own) {
    return view.same(NamespaceKind::pid, own) && view.same(NamespaceKind::user, own) && view.same_root(own);
}

/// One pass over all processes, which looks into each mount namespace once.
class Search {
  public:
    Search(const SessionKey& key, const NamespaceView& own, int proc_fd)
        : key_(key), own_(own), proc_fd_(proc_fd) {}

    Result<HolderSearch> run(const nsutil::Deadline& deadline) {
        auto census = count_mounts(kSmbMagics, deadline);
        // Older kernels tell nothing: what processes see must do.
        if (census) census_ = std::move(*census);
        auto seen_all =
            scan_processes(deadline, [&](pid_t tgid, ino_t mounts) { return visit(tgid, mounts); });
        if (!seen_all) return nsutil::propagate(seen_all);
        if (problem_) return std::unexpected(std::move(*problem_));
        if (!hidden_.empty())
            return nsutil::fail(ENOKEY, "process " + std::to_string(hidden_.begin()->second) +
                                            " hides SMB mounts of its namespace by its root folder");
        if (*seen_all && somebody_is_away())
            return nsutil::fail(ENOKEY, "a mount namespace in which no process is has SMB mounts");
        search_.complete = *seen_all;
        for (const auto& [mounts, state] : seen_) search_.host = search_.host || state == State::service;
        return std::move(search_);
    }

  private:
    // A namespace is a service's only if all its processes are: who made a container's namespaces, or entered
    // them from the host, is in them as well, in the host's pid namespace.
    enum class State : std::uint8_t { no_holder, service, counted };

    /// @return whether to go on
    bool visit(pid_t tgid, ino_t mounts) {
        if (const auto known = seen_.find(mounts); known != seen_.end()) {
            if (known->second == State::service) look_again(tgid, mounts, known->second);
            return true;
        }
        const auto counted = census_.find(mounts);
        const bool is_counted = counted != census_.end();
        if (is_counted && counted->second.count == 0) return seen_.emplace(mounts, State::no_holder), true;
        auto table = table_of(tgid, is_counted);
        if (!table && table.error().code == ESRCH) {
            // The next process of the same namespace will do.
            if (!is_counted) return true;
            table.emplace();
        }
        if (!table) {
            problem_ = std::move(table.error());
            return false;
        }
        if (is_counted && table->size() < counted->second.count) {
            const auto process = LivingProcess::open(tgid, own_);
            if (!process) return true;
            if (!is_of_host(process->place)) {
                hidden_.try_emplace(mounts, tgid);  // unless another process there sees them all
                return true;
            }
        }
        hidden_.erase(mounts);
        settle(tgid, mounts, *table);
        return true;
    }

    /// The SMB mounts that the process sees.
    /// @errors ESRCH it sees no mount at all; ENOKEY its table cannot be read; those of parse_cifs_mounts()
    [[nodiscard]] Result<std::vector<CifsMount>> table_of(pid_t tgid, bool is_worthwhile) const {
        auto may_see = is_worthwhile ? Result<bool>(true) : may_see_cifs(proc_fd_, tgid);
        if (may_see && !*may_see) return {};
        const auto text =
            may_see ? read_mountinfo(proc_fd_, tgid) : Result<std::string>(std::unexpected(may_see.error()));
        // A container can make its table too long to be read: it must not seem to hold nothing.
        if (!text && text.error().code != ESRCH)
            return nsutil::fail(ENOKEY, "nobody knows what process " + std::to_string(tgid) +
                                            " has mounted: " + text.error().what);
        if (!text) return std::unexpected(text.error());
        if (!may_hold_cifs(*text)) return {};
        return parse_cifs_mounts(*text);
    }

    /// A container can keep a namespace by a descriptor, and come back. The host's own users do that for
    /// better reasons (snapd, unshare --mount=FILE).
    [[nodiscard]] bool somebody_is_away() const {
        return std::ranges::any_of(census_, [&](const auto& one) {
            return one.second.count > 0 && !one.second.of_host && !seen_.contains(one.first);
        });
    }

    void settle(pid_t tgid, ino_t mounts, const std::vector<CifsMount>& table) {
        bool holds = false, multiuser = false;
        for (const auto& mount : table)
            if (may_belong(key_, mount)) {
                holds = true;
                multiuser = multiuser || mount.multiuser;
            }
        auto state = State::no_holder;
        if (holds && mounts == own_.of(NamespaceKind::mount).inode) {
            search_.host = true;
        } else if (holds) {
            auto process = LivingProcess::open(tgid, own_);
            // The next process of the same namespace will do.
            if (!process || process->place.view.of(NamespaceKind::mount).inode != mounts) return;
            state = is_host_service(process->place.view, own_) ? State::service : State::counted;
            if (state == State::counted) count(std::move(*process));
        }
        search_.multiuser = search_.multiuser || multiuser;
        seen_.emplace(mounts, state);
    }

    void look_again(pid_t tgid, ino_t mounts, State& state) {
        auto process = LivingProcess::open(tgid, own_);
        if (!process || process->place.view.of(NamespaceKind::mount).inode != mounts ||
            is_host_service(process->place.view, own_))
            return;
        state = State::counted;
        count(std::move(*process));
    }

    void count(LivingProcess process) {
        if (search_.others++ == 0) search_.process = std::move(process);
    }

    /// A service of the host may well have another root folder, and nothing to gain by it.
    [[nodiscard]] bool is_of_host(const PlaceIdentity& place) const {
        return place.container.empty() && place.view.same(NamespaceKind::pid, own_) &&
               place.view.same(NamespaceKind::user, own_);
    }

    const SessionKey& key_;
    const NamespaceView& own_;
    int proc_fd_;
    MountCensus census_;
    std::unordered_map<ino_t, State> seen_;
    std::unordered_map<ino_t, pid_t> hidden_;  ///< where no process has been found yet that sees all mounts
    std::optional<nsutil::Error> problem_;
    HolderSearch search_;
};

}  // namespace

Result<HolderSearch> find_holders(const SessionKey& key, const NamespaceView& own,
                                  const nsutil::Deadline& deadline) {
    auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    if (!proc) return nsutil::propagate(proc);
    return Search(key, own, proc->get()).run(deadline);
}

}  // namespace nsupcall
