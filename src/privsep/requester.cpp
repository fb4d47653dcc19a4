#include "privsep/requester.hpp"

#include "request/container_id.hpp"
#include "trace/trace.hpp"

namespace nsupcall {

using nsutil::NamespaceKind;
using nsutil::NamespaceSet;
using nsutil::NamespaceView;
using nsutil::propagate;

nsutil::Result<Requester> Requester::open(pid_t tid) {
    auto task = nsutil::Task::open(tid);
    if (!task) return propagate(task, "requester");
    auto status = task->status();
    if (!status) return propagate(status, "requester");
    auto stat = task->stat();
    if (!stat) return propagate(stat, "requester");
    auto host = NamespaceView::own();
    if (!host) return propagate(host);
    if (stat->is_kernel_thread())
        return Requester{
            std::move(*task), std::move(*status), std::move(*stat), *host, NamespaceSet::none(*host), {}};
    if (stat->state == 'Z' || stat->state == 'X')
        return nsutil::fail(ESRCH, "requester " + std::to_string(tid) + " has exited");
    auto namespaces = NamespaceSet::open(*task, *host);
    if (!namespaces) return propagate(namespaces, "requester");
    std::string container;
    if (namespaces->view() != *host)
        if (const auto groups = task->read("cgroup", kCgroupTextLimit)) container = container_id_of(*groups);
    return Requester{std::move(*task),       std::move(*status),  std::move(*stat), *host,
                     std::move(*namespaces), std::move(container)};
}

bool Requester::is_host_service() const {
    const auto& view = namespaces.view();
    return !is_kernel_thread() && !view.same(NamespaceKind::mount, host) &&
           view.same(NamespaceKind::pid, host) && view.same(NamespaceKind::user, host) &&
           view.same_root(host);
}

bool Requester::is_contained() const {
    const auto& view = namespaces.view();
    if (is_kernel_thread() || is_host_service()) return false;
    return !view.same(NamespaceKind::mount, host) || !view.same(NamespaceKind::pid, host) ||
           !view.same(NamespaceKind::user, host) || !view.same_root(host);
}

std::string Requester::container_name() const {
    if (!container.empty()) return container;
    // Rootless podman's containers have no control groups. They have a user namespace; others are spared the
    // reading.
    if (namespaces.view().same(NamespaceKind::user, host)) return "unknown";
    const auto mounts = task.read("mountinfo", kMountsTextLimit);
    const auto id = mounts ? container_id_of_mounts(*mounts) : std::string();
    return id.empty() ? "unknown" : id + " (by its mounts)";
}

std::string Requester::describe() const {
    std::string text = "tid " + std::to_string(task.tid()) + " (" + escape(status.name, 32) +
                       ") of process " + std::to_string(status.tgid) + ", uid " +
                       std::to_string(status.uids.real);
    if (is_kernel_thread()) return text + ", a kernel thread";
    const auto& view = namespaces.view();
    for (const auto kind :
         {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user, NamespaceKind::pid}) {
        text += ' ';
        text += nsutil::namespace_name(kind);
        text += view.same(kind, host) ? ":[host]" : ":[" + std::to_string(view.of(kind).inode) + "]";
    }
    if (is_contained()) text += " container " + container_name();
    return text;
}

}  // namespace nsupcall
