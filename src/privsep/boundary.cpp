#include "privsep/boundary.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "keys/key_service.hpp"
#include "nsutil/credentials.hpp"
#include "nsutil/proc_text.hpp"
#include "nsutil/sandbox.hpp"
#include "privsep/worker_filter.hpp"

namespace nsupcall {
namespace {

constexpr nsutil::SandboxLimits kLimits = {.address_space_bytes = 256ULL << 20U,
                                           .file_bytes = 16ULL << 20U,
                                           .open_files = kWorkerOpenFiles,
                                           .cpu_seconds = 0};

/// False for a file system of the kernel's: /proc/self/mem is this process' own code, and who names a ccache
/// beside it is up to something.
bool holds_files(int directory_fd) {
    struct statfs info = {};
    if (::fstatfs(directory_fd, &info) != 0) return false;
    return info.f_type != PROC_SUPER_MAGIC && info.f_type != SYSFS_MAGIC &&
           info.f_type != CGROUP2_SUPER_MAGIC;
}

/// Opens the directories in which a ccache may be written. Runs as the user, who may lack some of them.
template <std::size_t Most>
struct OpenDirectories {
    std::array<int, Most> fds;
    std::size_t count = 0;
    explicit OpenDirectories(std::span<const char* const> paths) {
        for (const char* path : paths) {
            if (count == Most) break;
            const int fd = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (fd < 0) continue;
            if (holds_files(fd))
                fds[count++] = fd;
            else
                (void)::close(fd);
        }
    }
    ~OpenDirectories() {
        for (std::size_t at = 0; at < count; ++at) (void)::close(fds[at]);
    }
    OpenDirectories(const OpenDirectories&) = delete;
    OpenDirectories& operator=(const OpenDirectories&) = delete;
};

int confine_files(std::span<const char* const> write_directories) {
    constexpr std::size_t kDirectoriesMost = 16;
    const int root = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) return errno;
    const OpenDirectories<kDirectoriesMost> writable(write_directories);
    const int error = nsutil::restrict_files(root, std::span(writable.fds).first(writable.count));
    (void)::close(root);
    // A kernel without Landlock: the other walls stand.
    return error == ENOSYS || error == EOPNOTSUPP ? 0 : error;
}

/// What the kernel says of this very task, in the host's ids: `status_fd` was opened before any namespace
/// was entered, and /proc prints ids for the opener's user namespace.
bool proven(int status_fd, const BoundaryPlan& plan) {
    // A task's own status without its groups is about 1.5 KiB.
    static std::array<char, 1024 * 1024> text;
    std::size_t used = 0;
    for (;;) {
        const ssize_t got = ::read(status_fd, text.data() + used, text.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
    }
    const auto status = nsutil::parse_status({text.data(), used});
    return status && nsutil::shows_only(*status, plan.host_uid, plan.host_gid, plan.host_groups) &&
           status->no_new_privs && status->seccomp_mode == 2;
}

std::optional<BoundaryFailure> failed(const char* step, int error) {
    return BoundaryFailure{step, error};
}

}  // namespace

std::optional<BoundaryFailure> begin_boundary(BoundaryHead& head) {
    // 1. Nothing worth stealing: no key, no environment, no terminal.
    if (const int error = nsutil::bind_to_parent()) return failed("bind to the broker", error);
    if (const int error = drop_key_access()) return failed("give up the keys", error);
    // A time zone of its own, or the first date would make glibc read the container's /etc/localtime. The
    // colon with nothing behind it is UTC without a file.
    static char time_zone[] = "TZ=:";
    static char* environment[] = {time_zone, nullptr};
    ::environ = environment;
    if (const int error = nsutil::detach_standard_streams()) return failed("let go of the terminal", error);
    head.status_fd = ::open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (head.status_fd < 0) return failed("open the own status", errno);
    return std::nullopt;
}

std::optional<BoundaryFailure> drop_bounding_set_ahead(BoundaryHead& head) {
    if (const int error = nsutil::drop_bounding_set()) return failed("drop the bounding set", error);
    head.bounding_set_dropped = true;
    return std::nullopt;
}

std::optional<BoundaryFailure> install_filter_ahead(BoundaryHead& head) {
    if (const int error = nsutil::install_seccomp(boundary_filter()))
        return failed("install the filter", error);
    head.filtered = true;
    return std::nullopt;
}

std::optional<BoundaryFailure> cross_boundary(const BoundaryPlan& plan) {
    BoundaryHead head;
    if (auto failure = begin_boundary(head)) return failure;
    return cross_boundary(plan, head);
}

std::optional<BoundaryFailure> cross_boundary(const BoundaryPlan& plan, const BoundaryHead& head) {
    const int status_fd = head.status_fd;
    // No groups but the requester's. They come before the user namespace, in which setgroups may be denied.
    if (const int error = nsutil::set_groups(plan.host_gid, plan.host_groups))
        return failed("set groups", error);

    // 2. The requester's namespaces and root, its user namespace last: from there on this process could
    //    not enter the others.
    if (const int error = plan.namespaces.enter_mount_and_net(!plan.host_network))
        return failed("enter the namespaces", error);
    if (const int error = plan.namespaces.enter_user()) return failed("enter the user namespace", error);

    // 3. The user. The bounding set goes first: dropping from it needs the capability that goes with the
    // user. A new user namespace has given the whole set again (Linux kernel/user_namespace.c,
    // set_cred_user_ns).
    const bool dropped = head.bounding_set_dropped && !plan.namespaces.enters(nsutil::NamespaceKind::user);
    if (!dropped)
        if (const int error = nsutil::drop_bounding_set()) return failed("drop the bounding set", error);
    if (const int error = nsutil::set_user(plan.inside_uid)) return failed("become the user", error);

    // 4. Walls. Changing ids has undone the ties to the parent and the undumpable state. A read would
    //    imply execution under an inherited READ_IMPLIES_EXEC personality.
    if (const int error = nsutil::drop_capabilities()) return failed("drop capabilities", error);
    if (const int error = nsutil::set_no_new_privs()) return failed("set no_new_privs", error);
    if (const int error = nsutil::bind_to_parent()) return failed("bind to the broker", error);
    if (::getppid() != plan.parent) return failed("find the broker alive", ESRCH);
    if (::personality(PER_LINUX) < 0) return failed("reset the personality", errno);
    const std::array<int, 2> keep = {std::min(plan.reply_fd, status_fd), std::max(plan.reply_fd, status_fd)};
    if (const int error = nsutil::close_all_but(keep)) return failed("close descriptors", error);
    auto limits = kLimits;
    limits.cpu_seconds = plan.cpu_seconds;
    if (const int error = nsutil::set_limits(limits)) return failed("set limits", error);
    if (const int error = confine_files(plan.write_directories)) return failed("confine files", error);
    if (nsutil::can_change_user()) std::abort();
    const auto filter = head.filtered ? last_filter() : worker_filter(plan.with_gssproxy);
    if (const int error = nsutil::install_seccomp(filter)) return failed("install the filter", error);

    // 5. Proof. The last program is the one that refuses getppid(2), which without it never fails.
    if (!proven(status_fd, plan) || nsutil::can_map_executable() || ::getppid() >= 0) std::abort();
    (void)::close(status_fd);
    return std::nullopt;
}

}  // namespace nsupcall
