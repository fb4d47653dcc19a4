#pragma once
/// @file
/// The task that the kernel acts for, as the broker sees it from the host.

#include <cstdint>
#include <string>
#include <vector>

#include "nsutil/namespaces.hpp"
#include "nsutil/result.hpp"
#include "nsutil/task.hpp"

namespace nsupcall {

/// Everything about a requester that is read from the host, in one go, and verified to belong to one
/// living task. Its memory (environment, arguments) is not read here.
struct Requester {
    nsutil::Task task;
    nsutil::TaskStatus status;
    nsutil::TaskStat stat;
    nsutil::NamespaceView host;       ///< this process' own namespaces
    nsutil::NamespaceSet namespaces;  ///< the requester's, opened; the host's own for a kernel thread
    std::string container;            ///< id of its container, a label; empty for none and for one without

    /// @errors ESRCH the task is gone, or changed while it was looked at; EACCES
    [[nodiscard]] static nsutil::Result<Requester> open(pid_t tid);

    /// A kernel thread acts for somebody else: its namespaces say nothing.
    [[nodiscard]] bool is_kernel_thread() const { return stat.is_kernel_thread(); }

    /// The process was started by `host_uid`: its environment is that user's own choice.
    [[nodiscard]] bool runs_as(std::uint32_t host_uid) const { return status.uids.real == host_uid; }

    /// Root of the host's user namespace, which may choose for everybody.
    [[nodiscard]] bool is_host_root() const {
        return status.uids.real == 0 && status.uids.effective == 0 &&
               namespaces.view().same(nsutil::NamespaceKind::user, host);
    }

    /// A process of the host whose mounts differ a little (a service with PrivateTmp, say): its own mount
    /// namespace, but the host's root directory, pid and user namespaces. No container is that.
    [[nodiscard]] bool is_host_service() const;

    /// A process whose mount, pid or user namespace, or root directory, is not the host's, and no service of
    /// it.
    [[nodiscard]] bool is_contained() const;

    /// Its container for a log line: the id, or what its mounts say, or "unknown". @pre is_contained()
    [[nodiscard]] std::string container_name() const;

    /// "tid 12 (mount.cifs) uid 1000, mnt:[...] net:[host] user:[...] container 0123abcd" for a log line;
    /// escaped.
    [[nodiscard]] std::string describe() const;
};

}  // namespace nsupcall
