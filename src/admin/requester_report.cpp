#include "admin/requester_report.hpp"

#include "request/container_id.hpp"

namespace nsupcall::admin {

using nsutil::NamespaceKind;

RequesterReport describe_requester(const Requester& requester, const Workloads& workloads) {
    const auto& view = requester.namespaces.view();
    RequesterReport report;
    report.tid = requester.task.tid();
    report.tgid = requester.status.tgid;
    report.comm = requester.status.name;
    report.host_uid = requester.status.uids.real;
    report.kernel_thread = requester.is_kernel_thread();
    if (report.kernel_thread) return report;
    report.contained = requester.is_contained();
    report.host_service = requester.is_host_service();
    report.uid_map = requester.namespaces.uid_map();
    report.inside_uid = report.uid_map.to_inside(report.host_uid);
    for (const auto kind :
         {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user, NamespaceKind::pid})
        report.namespaces.push_back({nsutil::namespace_name(kind),
                                     static_cast<std::uint64_t>(view.of(kind).inode),
                                     view.same(kind, requester.host)});
    report.namespaces.push_back(
        {"root", static_cast<std::uint64_t>(view.root_inode), view.same_root(requester.host)});
    if (view == requester.host) return report;
    if (const auto text = requester.task.read("cgroup", kCgroupTextLimit))
        report.workload = workload_of_cgroup(*text);
    workloads.complete(report.workload);
    // Rootless. Who may mount can claim any id this way: it brings no name of the host's files.
    if (report.workload.id.empty() && !view.same(NamespaceKind::user, requester.host))
        if (const auto mounts = requester.task.read("mountinfo", kMountsTextLimit))
            report.workload.id = container_id_of_mounts(*mounts);
    return report;
}

/// What may be read of a process whose namespaces may not.
std::optional<RequesterReport> describe_stranger(pid_t tid) {
    const auto task = nsutil::Task::open(tid);
    if (!task) return std::nullopt;
    const auto status = task->status();
    if (!status) return std::nullopt;
    RequesterReport report;
    report.tid = tid;
    report.tgid = status->tgid;
    report.comm = status->name;
    report.host_uid = status->uids.real;
    if (const auto text = task->read("uid_map", nsutil::IdMap::kTextLimit))
        if (auto map = nsutil::IdMap::parse(*text)) report.uid_map = std::move(*map);
    report.inside_uid = report.uid_map.to_inside(report.host_uid);
    return report;
}

}  // namespace nsupcall::admin
