#include "nsutil/namespaces.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>

#include "nsutil/bounded_read.hpp"
#include "nsutil/namespace_link.hpp"

namespace nsutil {
namespace {

constexpr std::array<const char*, kNamespaceKinds> kNames = {"mnt", "net", "user", "pid"};
constexpr std::array<const char*, kNamespaceKinds> kPaths = {"ns/mnt", "ns/net", "ns/user", "ns/pid"};

/// All namespaces are files of one file system (Linux fs/nsfs.c). @return its device; 0 where it cannot be had
dev_t device_of_namespaces() {
    static const dev_t device = [] {
        struct stat info = {};
        return ::stat("/proc/self/ns/mnt", &info) == 0 ? info.st_dev : dev_t{0};
    }();
    return device;
}

Result<NamespaceView> view_below(int task_dir_fd, const std::string& whose) {
    NamespaceView view;
    for (std::size_t kind = 0; kind < kNamespaceKinds; ++kind) {
        const auto inode = namespace_inode(task_dir_fd, kPaths[kind]);
        if (inode == 0) {
            // The link of a task that has exited leads nowhere.
            if (errno == ENOENT) errno = ESRCH;
            return fail_errno(std::string(kPaths[kind]) + " of " + whose);
        }
        view.ids[kind] = {device_of_namespaces(), inode};
    }
    // The root may be on a file system that is served from inside the container (fuse-overlayfs). Whoever
    // asks it to be in sync waits for as long as that server likes; device and inode are known without
    // asking.
    struct statx root = {};
    constexpr int kFlags = AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
    int failed = ::statx(task_dir_fd, "root", kFlags, STATX_INO, &root);
    // FUSE mounted in a user namespace tells those outside of it nothing but its device.
    if (failed != 0 && errno == EACCES) failed = ::statx(task_dir_fd, "root", kFlags, 0, &root);
    if (failed != 0) {
        if (errno == ENOENT) errno = ESRCH;
        return fail_errno("root of " + whose);
    }
    view.root_device = makedev(root.stx_dev_major, root.stx_dev_minor);
    view.root_inode = root.stx_ino;
    return view;
}

// Of Linux 6.18 and 6.11; older headers lack them.
constexpr unsigned long kGetId = _IOR(0xb7, 13, std::uint64_t);
constexpr unsigned long kGetMountNamespaceId = _IOR(0xb7, 5, std::uint64_t);

}  // namespace

const char* namespace_name(NamespaceKind kind) {
    return kNames[static_cast<std::size_t>(kind)];
}

std::uint64_t namespace_serial(int namespace_fd) {
    for (const auto request : {kGetId, kGetMountNamespaceId}) {
        std::uint64_t serial = 0;
        if (::ioctl(namespace_fd, request, &serial) == 0) return serial;
    }
    return 0;
}

Result<NamespaceView> NamespaceView::own() {
    auto self = open_at(AT_FDCWD, "/proc/self", O_PATH | O_DIRECTORY);
    if (!self) return propagate(self);
    return view_below(self->get(), "this process");
}

Result<NamespaceView> NamespaceView::of_task(const Task& task) {
    return view_below(task.dir(), "task " + std::to_string(task.tid()));
}

NamespaceSet NamespaceSet::none(const NamespaceView& own) {
    NamespaceSet set;
    set.view_ = own;
    return set;
}

NamespaceSet::Handles NamespaceSet::handles() const {
    return {fd(NamespaceKind::mount).get(), fd(NamespaceKind::net).get(), fd(NamespaceKind::user).get(),
            root_.get()};
}

NamespaceSet NamespaceSet::adopt(UniqueFd mount, UniqueFd net, UniqueFd user, UniqueFd root) {
    NamespaceSet set;
    set.fds_[static_cast<std::size_t>(NamespaceKind::mount)] = std::move(mount);
    set.fds_[static_cast<std::size_t>(NamespaceKind::net)] = std::move(net);
    set.fds_[static_cast<std::size_t>(NamespaceKind::user)] = std::move(user);
    set.root_ = std::move(root);
    return set;
}

Result<NamespaceSet> NamespaceSet::open(const Task& task, const NamespaceView& own) {
    auto view = NamespaceView::of_task(task);
    if (!view) return propagate(view);

    NamespaceSet set;
    set.view_ = *view;
    const std::string whose = " of task " + std::to_string(task.tid());
    for (const auto kind : {NamespaceKind::mount, NamespaceKind::net, NamespaceKind::user}) {
        if (view->same(kind, own)) continue;
        const auto index = static_cast<std::size_t>(kind);
        auto fd = open_at(task.dir(), kPaths[index], O_RDONLY);
        if (!fd) return propagate(fd, "namespace" + whose);
        struct stat info = {};
        if (::fstat(fd->get(), &info) != 0) return fail_errno("namespace" + whose);
        if (NamespaceId{info.st_dev, info.st_ino} != view->of(kind))
            return fail(ESRCH, "the namespaces" + whose + " changed meanwhile");
        set.fds_[index] = std::move(*fd);
    }
    if (!view->same(NamespaceKind::mount, own) || !view->same_root(own)) {
        auto root = task.open_root();
        if (!root) return propagate(root);
        set.root_ = std::move(*root);
    }
    if (set.enters(NamespaceKind::user)) {
        auto text = task.read("uid_map", IdMap::kTextLimit);
        if (!text) return propagate(text);
        auto map = IdMap::parse(*text);
        if (!map) return propagate(map, "uid map" + whose);
        set.uid_map_ = std::move(*map);
    }
    // What was opened and read belongs to whatever namespaces the task was in at that moment: only an
    // unchanged view makes them one.
    if (set.enters(NamespaceKind::mount) || set.enters(NamespaceKind::user) || set.enters_root()) {
        auto again = NamespaceView::of_task(task);
        if (!again) return propagate(again);
        if (*again != *view) return fail(ESRCH, "the namespaces" + whose + " changed meanwhile");
    }
    return set;
}

int NamespaceSet::enter_mount_and_net(bool with_net) const {
    if (enters(NamespaceKind::mount) && ::setns(fd(NamespaceKind::mount).get(), CLONE_NEWNS) != 0)
        return errno;
    // FUSE mounted in a user namespace lets nobody in who is not of it: enter_user() tries again.
    const int error = enter_root();
    root_pending_ = error == EACCES && enters(NamespaceKind::user);
    if (error != 0 && !root_pending_) return error;
    if (with_net && enters(NamespaceKind::net) && ::setns(fd(NamespaceKind::net).get(), CLONE_NEWNET) != 0)
        return errno;
    return 0;
}

int NamespaceSet::enter_user() const {
    if (enters(NamespaceKind::user) && ::setns(fd(NamespaceKind::user).get(), CLONE_NEWUSER) != 0)
        return errno;
    return root_pending_ ? enter_root() : 0;
}

int NamespaceSet::enter_root() const {
    if (root_) return change_root(root_.get());
    return ::chdir("/") == 0 ? 0 : errno;
}

int change_root(int folder_fd) {
    if (::fchdir(folder_fd) != 0 || ::chroot(".") != 0) return errno;
    return ::chdir("/") == 0 ? 0 : errno;
}

}  // namespace nsutil
