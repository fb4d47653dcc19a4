#include "admin/inspect_report.hpp"

#include <fcntl.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <memory>

#include "admin/key_quota.hpp"
#include "nsutil/bounded_read.hpp"
#include "session/cifs_mounts.hpp"

namespace nsupcall::admin {
namespace {

using nsutil::NamespaceKind;

constexpr auto kPatience = std::chrono::seconds(5);

/// The kinds that an upcall has nothing to do with: named all the same, since people ask.
constexpr std::array<const char*, 4> kOtherKinds = {"ipc", "uts", "cgroup", "time"};

void add_other_namespaces(const nsutil::Task& task, std::vector<NamespaceReport>& list) {
    for (const char* kind : kOtherKinds) {
        struct stat theirs = {}, own = {};
        const auto name = std::string("ns/") + kind;
        if (::fstatat(task.dir(), name.c_str(), &theirs, 0) != 0 ||
            ::stat(("/proc/self/" + name).c_str(), &own) != 0)
            continue;  // a kernel without that kind
        list.push_back({kind, theirs.st_ino, theirs.st_ino == own.st_ino && theirs.st_dev == own.st_dev});
    }
}

std::vector<std::string> names_of(std::uint64_t set) {
    std::vector<std::string> names;
    for (cap_value_t one = 0; one <= CAP_LAST_CAP; ++one) {
        if ((set >> static_cast<unsigned>(one) & 1U) == 0) continue;
        const std::unique_ptr<char, int (*)(void*)> name(::cap_to_name(one), ::cap_free);
        if (name) names.emplace_back(name.get());
    }
    return names;
}

constexpr std::uint64_t bit(cap_value_t capability) {
    return std::uint64_t{1} << static_cast<unsigned>(capability);
}

std::uint64_t own_capabilities() {
    const auto task = nsutil::Task::open(::getpid());
    if (!task) return 0;
    const auto status = task->status();
    return status ? status->cap_effective : 0;
}

/// What cifs.upcall needs to work as this process's user in its namespaces, of which this command has not
/// all.
CapabilityReport to_be_entered(const Requester& requester) {
    const auto& view = requester.namespaces.view();
    const auto own = own_capabilities();
    auto needed = bit(CAP_SETUID) | bit(CAP_SETGID) | bit(CAP_SETPCAP);
    if (requester.status.uids.real != ::geteuid() || (requester.status.cap_permitted & ~own) != 0)
        needed |= bit(CAP_SYS_PTRACE);
    if (view != requester.host) needed |= bit(CAP_SYS_ADMIN) | bit(CAP_SYS_CHROOT);
    CapabilityReport report{
        "an upcall for it, of whoever runs nsupcall", names_of(needed), names_of(needed & ~own), {}};
    if (!report.missing.empty()) report.why = "cifs.upcall, which the kernel starts, has all of them";
    return report;
}

/// What the process itself needs for mount -t cifs. Linux lets nobody mount it from a user namespace.
CapabilityReport to_mount(const Requester& requester) {
    const auto needed = bit(CAP_SYS_ADMIN);
    CapabilityReport report{"mount -t cifs by itself", names_of(needed), {}, {}};
    if (!requester.namespaces.view().same(NamespaceKind::user, requester.host)) {
        report.missing = report.needed;
        report.why =
            "it is in a user namespace, and cifs wants it in the host's: let the host mount the share";
    } else {
        report.missing = names_of(needed & ~requester.status.cap_effective);
    }
    return report;
}

std::string quota_of(std::uint32_t uid) {
    constexpr std::size_t kLimit = 1024 * 1024;
    const auto text = nsutil::read_file_at(AT_FDCWD, "/proc/key-users", kLimit);
    if (!text) return {};
    const auto users = parse_key_users(*text);
    const auto user = std::ranges::find(users, uid, &KeyQuota::uid);
    if (user == users.end()) return {};
    return std::to_string(user->keys) + " of " + std::to_string(user->keys_most) + " keys, " +
           std::to_string(user->bytes) + " of " + std::to_string(user->bytes_most) + " bytes";
}

void take_status(InspectReport& report, const nsutil::Task& task) {
    if (const auto status = task.status()) {
        report.uids = status->uids;
        report.gids = status->gids;
        report.groups = status->groups;
    }
    if (const auto text = task.read("gid_map", nsutil::IdMap::kTextLimit))
        if (auto map = nsutil::IdMap::parse(*text)) report.gid_map = std::move(*map);
    report.key_quota = quota_of(report.uids.real);
}

void take_mounts(InspectReport& report, const nsutil::Task& task) {
    const auto text = task.read("mountinfo", kMountinfoLimit);
    if (!text) {
        report.unseen.push_back("its mounts: " + text.error().text());
        return;
    }
    if (!may_hold_cifs(*text)) return;
    const auto table = nsutil::MountTable::parse(*text);
    if (!table) {
        report.unseen.push_back("its mounts: " + table.error().text());
        return;
    }
    std::ranges::copy_if(table->mounts(), std::back_inserter(report.smb_mounts), &nsutil::Mount::is_smb);
}

}  // namespace

InspectReport inspect(pid_t tid, const Workloads& workloads) {
    InspectReport report;
    report.tid = tid;
    const auto requester = Requester::open(tid);
    if (!requester) {
        auto stranger = describe_stranger(tid);
        if (!stranger) {
            report.problem = requester.error().text();
            return report;
        }
        report.requester = std::move(*stranger);
        report.unseen.push_back("its namespaces, mounts and keyrings: " + requester.error().text());
        if (const auto task = nsutil::Task::open(tid)) take_status(report, *task);
        return report;
    }
    report.requester = describe_requester(*requester, workloads);
    take_status(report, requester->task);
    if (report.requester.kernel_thread) return report;
    add_other_namespaces(requester->task, report.requester.namespaces);
    take_mounts(report, requester->task);
    report.capabilities = {to_be_entered(*requester), to_mount(*requester)};
    auto keyrings = look_at_keyrings(*requester, report.uids.real, nsutil::Deadline::after(kPatience));
    if (keyrings)
        report.keyrings = std::move(*keyrings);
    else
        report.unseen.push_back("its user's keyrings: " + keyrings.error().text());
    return report;
}

}  // namespace nsupcall::admin
