#include "session/living_place.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <ctime>

#include "nsutil/bounded_read.hpp"
#include "request/container_id.hpp"
#include "session/process_scan.hpp"

namespace nsupcall {
namespace {

using nsutil::NamespaceKind;
using nsutil::NamespaceSet;
using nsutil::NamespaceView;
using nsutil::Task;

// Of Linux 6.11 (include/uapi/linux/nsfs.h); older headers lack it.
constexpr unsigned long kGetTgidFromPidNamespace = _IOR(0xb7, 7, int);

/// The process that `tgid` names now, if it is in this place.
std::optional<Anchor> anchor_at(pid_t tgid, const NamespaceView& view) {
    const auto task = Task::open(tgid);
    if (!task) return std::nullopt;
    const auto stat = task->stat();
    const auto there = NamespaceView::of_task(*task);
    if (!stat || !there || *there != view || stat->state == 'Z' || stat->state == 'X') return std::nullopt;
    return Anchor{tgid, stat->start_ticks};
}

/// The id of the first process of the task's pid namespace; 0 where the kernel does not tell.
pid_t first_process(const Task& task) {
    const auto fd = nsutil::open_at(task.dir(), "ns/pid", O_RDONLY);
    if (!fd) return 0;
    const int tgid = ::ioctl(fd->get(), kGetTgidFromPidNamespace, 1);
    return tgid > 0 ? tgid : 0;
}

}  // namespace

PlaceIdentity identify(const NamespaceSet& namespaces, std::string_view container) {
    return {namespaces.view(),
            {namespaces.serial(NamespaceKind::mount), namespaces.serial(NamespaceKind::net),
             namespaces.serial(NamespaceKind::user)},
            std::string(container)};
}

nsutil::Result<LivingProcess> LivingProcess::open(pid_t tgid, const NamespaceView& own) {
    auto task = Task::open(tgid);
    if (!task) return nsutil::propagate(task);
    auto namespaces = NamespaceSet::open(*task, own);
    if (!namespaces) return nsutil::propagate(namespaces);
    auto groups = task->read("cgroup", kCgroupTextLimit);
    if (!groups) return nsutil::propagate(groups);
    auto place = identify(*namespaces, container_id_of(*groups));
    // Last: what was read before belongs to a process that was still there.
    auto stat = task->stat();
    if (!stat) return nsutil::propagate(stat);
    if (stat->is_kernel_thread() || stat->state == 'Z' || stat->state == 'X')
        return nsutil::fail(ESRCH, "process " + std::to_string(tgid) + " has exited");
    return LivingProcess{std::move(*task), std::move(*namespaces), std::move(place), stat->start_ticks};
}

std::uint64_t ticks_now() {
    timespec now = {};
    (void)::clock_gettime(CLOCK_BOOTTIME, &now);
    const auto per_second = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
    constexpr std::uint64_t kNanoseconds = 1'000'000'000;
    return static_cast<std::uint64_t>(now.tv_sec) * per_second +
           static_cast<std::uint64_t>(now.tv_nsec) * per_second / kNanoseconds;
}

bool proves(const SessionRecord& record, const PlaceIdentity& place, pid_t tgid, std::uint64_t start_ticks,
            const NamespaceView& own) {
    // The container's name does not count: whoever entered it from the host is in a control group of the
    // host.
    const auto& serials = record.place.serials;
    if (record.of_host || place.view != record.place.view || place.serials != serials) return false;
    const bool host_mounts = place.view.same(NamespaceKind::mount, own);
    if (serials.mount != 0 || (host_mounts && (serials.net != 0 || serials.user != 0))) return true;
    if (record.anchor == Anchor{tgid, start_ticks}) return true;
    return !place.view.same(NamespaceKind::pid, own) && start_ticks < record.alive_ticks;
}

LivingSearch find_living(std::span<const SessionRecord* const> records, const NamespaceView& own,
                         const nsutil::Deadline& deadline) {
    LivingSearch search;
    search.found.resize(records.size());
    std::size_t missing = 0;
    for (std::size_t at = 0; at < records.size(); ++at) {
        const auto& record = *records[at];
        auto process = LivingProcess::open(record.anchor.tgid, own);
        if (process && proves(record, process->place, record.anchor.tgid, process->start_ticks, own))
            search.found[at] = std::move(*process);
        else
            ++missing;
        if (deadline.passed()) {
            search.complete = false;
            return search;
        }
    }
    if (missing == 0) return search;
    const auto seen_all = scan_processes(deadline, [&](pid_t tgid, ino_t mounts) {
        for (std::size_t at = 0; at < records.size(); ++at) {
            const auto& record = *records[at];
            if (search.found[at] || record.place.view.of(NamespaceKind::mount).inode != mounts) continue;
            auto process = LivingProcess::open(tgid, own);
            if (!process) break;
            if (!proves(record, process->place, tgid, process->start_ticks, own)) continue;
            search.found[at] = std::move(*process);
            --missing;
        }
        return missing > 0;
    });
    search.complete = seen_all && *seen_all;
    return search;
}

Anchor find_anchor(const Task& task, const NamespaceView& view, const NamespaceView& own) {
    if (!view.same(NamespaceKind::pid, own))
        if (const pid_t first = first_process(task))
            if (const auto anchor = anchor_at(first, view)) return *anchor;
    Anchor anchor;
    const auto status = task.status();
    pid_t tgid = status ? status->tgid : 0;
    constexpr int kAncestorsMost = 8;
    for (int step = 0; step < kAncestorsMost && tgid > 1; ++step) {
        const auto candidate = anchor_at(tgid, view);
        if (!candidate) break;
        anchor = *candidate;
        const auto parent = Task::open(tgid);
        const auto stat = parent ? parent->stat() : nsutil::Result<nsutil::TaskStat>(nsutil::fail(ESRCH, ""));
        tgid = stat ? stat->parent : 0;
    }
    return anchor;
}

}  // namespace nsupcall
