#include "admin/named_mount.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "admin/in_parallel.hpp"
#include "admin/mount_behind.hpp"
#include "admin/process_listing.hpp"
#include "nsutil/bounded_read.hpp"
#include "nsutil/namespace_link.hpp"
#include "nsutil/proc_text.hpp"
#include "session/cifs_mounts.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::fail;
using nsutil::Mount;
using nsutil::MountTable;
using nsutil::propagate;
using nsutil::Result;

Result<NamedMount> smb_mount_of(int proc_fd, pid_t process, const std::string& path) {
    auto text = read_mountinfo(proc_fd, process);
    if (!text) return propagate(text);
    if (!may_hold_cifs(*text)) return fail(ENOENT, "it sees no SMB mount");
    auto table = MountTable::parse(*text);
    if (!table) return propagate(table);
    const Mount* mount = mount_of_path(*table, path);
    if (mount == nullptr || !mount->is_smb())
        return fail(ENOENT, path + " is on " + (mount == nullptr ? "no mount" : mount->type));
    auto request = request_of_mount(*mount);
    if (!request) return propagate(request);
    return NamedMount{std::move(*request), mount->target.native(), process,
                      mount->option("multiuser").has_value()};
}

/// The inode of the process' mount namespace; 0 where it has ended, or may not be looked at.
ino_t namespace_of(int proc_fd, pid_t process) {
    return nsutil::namespace_inode(proc_fd, (std::to_string(process) + "/ns/mnt").c_str());
}

/// The mount as each namespace has it that has one there, with the processes of that namespace.
class HolderSearch {
  public:
    HolderSearch(int proc_fd, const std::string& path) : proc_fd_(proc_fd), path_(path) {}

    /// For as many threads as there are, each of which takes what comes next.
    void take_part(ProcessListing& listing) {
        std::vector<std::pair<pid_t, ino_t>> looked_at;
        for (auto some = listing.next(); !some.empty(); some = listing.next())
            for (const pid_t process : some) {
                const auto id = namespace_of(proc_fd_, process);
                if (id == 0) continue;
                looked_at.emplace_back(process, id);
                if (is_first(process, id)) look_at(process, id);
            }
        const std::lock_guard lock(mutex_);
        processes_.insert(processes_.end(), looked_at.begin(), looked_at.end());
    }

    std::vector<std::pair<NamedMount, std::vector<pid_t>>> take() {
        std::ranges::sort(processes_);
        std::vector<std::pair<NamedMount, std::vector<pid_t>>> holders;
        std::unordered_map<ino_t, std::size_t> index;
        for (const auto& [process, id] : processes_) {
            const auto mount = mounts_.find(id);
            if (mount == mounts_.end()) continue;
            const auto [found, is_new] = index.emplace(id, holders.size());
            if (is_new) holders.emplace_back(std::move(mount->second), std::vector<pid_t>());
            holders[found->second].second.push_back(process);
        }
        return holders;
    }

  private:
    /// Of several processes in a namespace the first counts, whichever thread has it.
    bool is_first(pid_t process, ino_t id) {
        const std::lock_guard lock(mutex_);
        auto& first = firsts_.emplace(id, process).first->second;
        if (first < process) return false;
        first = process;
        return true;
    }
    void look_at(pid_t process, ino_t id) {
        std::optional<NamedMount> seen;
        if (const auto may_see = may_see_cifs(proc_fd_, process); may_see && *may_see)
            if (auto mount = smb_mount_of(proc_fd_, process, path_)) seen = std::move(*mount);
        const std::lock_guard lock(mutex_);
        if (firsts_[id] != process) return;
        mounts_.erase(id);
        if (seen) mounts_.emplace(id, std::move(*seen));
    }

    int proc_fd_;
    const std::string& path_;
    std::mutex mutex_;                         ///< of all that follows
    std::unordered_map<ino_t, pid_t> firsts_;  ///< of the processes in a namespace
    std::unordered_map<ino_t, NamedMount> mounts_;
    std::vector<std::pair<pid_t, ino_t>> processes_;  ///< with their mount namespaces
};

Result<std::vector<std::pair<NamedMount, std::vector<pid_t>>>> holders_of(int proc_fd,
                                                                          const std::string& path) {
    auto listing = ProcessListing::open();
    if (!listing) return propagate(listing);
    HolderSearch search(proc_fd, path);
    const auto threads = shares_of(SIZE_MAX, 1);
    in_parallel(threads, threads, [&](std::size_t, std::size_t, std::size_t) { search.take_part(*listing); });
    return search.take();
}

/// The user's process in a namespace; nothing where there is none.
std::optional<pid_t> process_in(int proc_fd, ino_t mounts, std::uint32_t host_uid,
                                const std::vector<pid_t>& processes) {
    std::vector<char> is_users(processes.size());
    constexpr std::size_t kLeast = 512;
    in_parallel(processes.size(), shares_of(processes.size(), kLeast),
                [&](std::size_t, std::size_t first, std::size_t last) {
                    for (; first < last; ++first) {
                        // The folder belongs to the effective user.
                        struct stat info = {};
                        const auto folder = std::to_string(processes[first]);
                        is_users[first] =
                            ::fstatat(proc_fd, folder.c_str(), &info, 0) == 0 && info.st_uid == host_uid ? 1
                                                                                                         : 0;
                    }
                });
    for (std::size_t at = 0; at < processes.size(); ++at)
        if (is_users[at] != 0 && namespace_of(proc_fd, processes[at]) == mounts) return processes[at];
    return std::nullopt;
}

}  // namespace

const Mount* mount_of_path(const MountTable& table, const std::string& path) {
    const Mount* best = nullptr;
    for (const auto& mount : table.mounts()) {
        const auto& target = mount.target.native();
        // Of several at one place the last lies on top.
        if (is_below(path, target) && (best == nullptr || target.size() >= best->target.size()))
            best = &mount;
    }
    return best;
}

Result<SpnegoRequest> request_of_mount(const Mount& mount) {
    SpnegoRequest request;
    request.host = mount.smb_host();
    if (request.host.empty()) return fail(EINVAL, "mount " + mount.source + " names no server");
    const auto option = [&](const char* name) { return mount.option(name).value_or(""); };
    request.address = option("addr");
    request.user = option("username");
    if (option("sec").starts_with("mskrb5")) request.security = Security::mskrb5;
    if (const auto uid = nsutil::parse_number<std::uint32_t>(option("uid"))) request.uid = *uid;
    if (const auto cruid = nsutil::parse_number<std::uint32_t>(option("cruid")))
        request.creduid = *cruid;
    else
        request.creduid = request.uid;
    if (option("upcall_target") == "mount") request.target = UpcallTarget::mount;
    if (option("upcall_target") == "app") request.target = UpcallTarget::app;
    return request;
}

Result<NamedMount> find_mount(const std::string& path, std::optional<std::uint32_t> host_uid,
                              std::vector<std::string>& notes) {
    std::error_code failed;
    const auto whole = (std::filesystem::current_path(failed) / path).lexically_normal().string();
    const auto proc = nsutil::open_at(AT_FDCWD, "/proc", O_PATH | O_DIRECTORY);
    if (!proc) return std::unexpected(proc.error());
    if (auto own = smb_mount_of(proc->get(), ::getpid(), whole)) {
        const auto processes = all_processes();
        if (!processes) return std::unexpected(processes.error());
        if (const auto process = process_in(proc->get(), namespace_of(proc->get(), ::getpid()),
                                            host_uid.value_or(own->request.creduid), *processes))
            own->process = *process;
        return own;
    }
    auto holders = holders_of(proc->get(), whole);
    if (!holders) return std::unexpected(holders.error());
    if (holders->empty()) return fail(ENOENT, whole + " is no SMB mount that can be seen from here");
    if (holders->size() > 1) {
        std::string list;
        for (const auto& [mount, processes] : *holders) list += " " + std::to_string(mount.process);
        notes.push_back("several mount namespaces have an SMB mount there; their processes:" + list);
    }
    auto mount = std::move(holders->front().first);
    const auto& processes = holders->front().second;
    if (const auto process = process_in(proc->get(), namespace_of(proc->get(), mount.process),
                                        host_uid.value_or(mount.request.creduid), processes))
        mount.process = *process;
    return mount;
}

}  // namespace nsupcall::admin
