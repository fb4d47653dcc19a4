#include "support/container_setup.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <filesystem>

#include "support/network.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test::inside {
namespace {

namespace fs = std::filesystem;
using nsutil::Result;

Result<void> mount_on(const char* source, const std::string& target, const char* type, unsigned long flags,
                      const char* data = nullptr) {
    if (::mount(source, target.c_str(), type, flags, data) != 0)
        return nsutil::fail_errno("mount on " + target);
    return {};
}

Result<void> make_folder(const std::string& path, mode_t mode) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return nsutil::fail_errno("mkdir " + path);
    if (::chmod(path.c_str(), mode) != 0) return nsutil::fail_errno("chmod " + path);
    return {};
}

Result<void> bind_read_only(const std::string& path) {
    if (auto bound = mount_on(path.c_str(), path, nullptr, MS_BIND); !bound) return bound;
    return mount_on(nullptr, path, nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY);
}

/// /proc of the new pid namespace. A host whose own /proc has covered parts lets no user namespace mount it.
Result<void> mount_proc(const ContainerSpec& spec, const std::string& target) {
    auto mounted = mount_on("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC);
    if (!mounted && spec.user && mounted.error().code == EPERM) return {};
    return mounted;
}

Result<void> host_tree(const ContainerSpec& spec) {
    if (auto mounted = mount_on("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777"); !mounted)
        return mounted;
    if (spec.pid_namespace) return mount_proc(spec, "/proc");
    return {};
}

Result<void> scratch(const ContainerSpec& spec) {
    if (auto mounted = mount_on("tmpfs", "/tmp", "tmpfs", MS_NOSUID, "mode=0755"); !mounted) return mounted;
    for (const char* folder : {"etc", "run", "dev", "proc", "var"}) {
        if (auto made = make_folder(std::string("/tmp/") + folder, 0755); !made) return made;
    }
    for (const char* folder : {"/tmp/tmp", "/tmp/var/tmp"}) {
        if (auto made = make_folder(folder, 01777); !made) return made;
    }
    if (auto bound = mount_on("/dev", "/tmp/dev", nullptr, MS_BIND | MS_REC); !bound) return bound;
    if (spec.pid_namespace) {
        if (auto mounted = mount_proc(spec, "/tmp/proc"); !mounted) return mounted;
    } else if (auto bound = mount_on("/proc", "/tmp/proc", nullptr, MS_BIND | MS_REC); !bound) {
        return bound;
    }
    if (::chdir("/tmp") != 0) return nsutil::fail_errno("chdir to the new root");
    if (::syscall(SYS_pivot_root, ".", ".") != 0) return nsutil::fail_errno("pivot_root");
    // Both roots are stacked on "/": the upper one is the old.
    if (::umount2(".", MNT_DETACH) != 0) return nsutil::fail_errno("detach the old root");
    if (::chdir("/") != 0) return nsutil::fail_errno("chdir /");
    return {};
}

Result<void> put_all_files(const ContainerSpec& spec) {
    for (const auto& file : spec.files) {
        // The host's own files must not change: what lies outside of the tmpfs is covered by a bind mount.
        const bool covers = spec.root == RootKind::host_tree && !file.path.starts_with("/tmp/");
        const std::string path = covers ? "/tmp/.cover" + file.path : file.path;
        if (auto put = put_file(file, path); !put) return put;
        if (covers) {
            if (auto bound = mount_on(path.c_str(), file.path, nullptr, MS_BIND); !bound) return bound;
        }
        if (file.read_only_mount) {
            if (auto bound = bind_read_only(file.path); !bound) return bound;
        }
    }
    return {};
}

Result<void> set_up_mounts(const ContainerSpec& spec) {
    if (!spec.mount_namespace) {
        if (spec.files.empty()) return {};
        return nsutil::fail(EINVAL, "files need a mount namespace");
    }
    if (auto done = mount_on(nullptr, "/", nullptr, MS_REC | MS_PRIVATE); !done) return done;
    auto rooted = spec.root == RootKind::scratch ? scratch(spec) : host_tree(spec);
    if (!rooted) return rooted;
    return put_all_files(spec);
}

const char* task_word(TaskKind kind) {
    switch (kind) {
        case TaskKind::leader:
            return "leader";
        case TaskKind::thread:
            return "thread";
        case TaskKind::thread_own_mounts:
            return "thread-own-mounts";
        case TaskKind::thread_leader_exited:
            return "thread-leader-exited";
    }
    return "leader";
}

}  // namespace

int clone_flags(const ContainerSpec& spec) {
    int flags = 0;
    if (spec.mount_namespace) flags |= CLONE_NEWNS;
    if (spec.pid_namespace) flags |= CLONE_NEWPID;
    if (spec.net_namespace) flags |= CLONE_NEWNET;
    if (spec.user) flags |= CLONE_NEWUSER;
    return flags;
}

pid_t clone_process(int flags) {
    const auto all = static_cast<unsigned long>(flags) | static_cast<unsigned long>(SIGCHLD);
    return static_cast<pid_t>(::syscall(SYS_clone, all, nullptr, nullptr, nullptr, 0UL));
}

Result<void> write_maps(pid_t pid, const UserNamespaceSpec& maps) {
    const auto write_one = [pid](const char* name, const std::vector<IdLine>& lines) -> Result<void> {
        std::string text;
        for (const auto& line : lines)
            text += fmt::format("{} {} {}\n", line.inside, line.outside, line.count);
        nsutil::UniqueFd file(::open(fmt::format("/proc/{}/{}", pid, name).c_str(), O_WRONLY | O_CLOEXEC));
        if (!file) return nsutil::fail_errno(fmt::format("open {} of {}", name, pid));
        // The kernel takes a map in one write only.
        if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
            return nsutil::fail_errno(fmt::format("write {}: {}", name, text));
        }
        return {};
    };
    if (auto written = write_one("gid_map", maps.gids); !written) return written;
    return write_one("uid_map", maps.uids);
}

Result<void> become_first_mapped(const UserNamespaceSpec& maps) {
    // Leaving uid 0 would take the capabilities along, and the mounts are still to be made.
    if (::prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) != 0) return nsutil::fail_errno("securebits");
    if (::setgroups(0, nullptr) != 0) return nsutil::fail_errno("setgroups");
    const auto gid = maps.gids.at(0).inside;
    const auto uid = maps.uids.at(0).inside;
    if (::setresgid(gid, gid, gid) != 0) return nsutil::fail_errno("setresgid");
    if (::setresuid(uid, uid, uid) != 0) return nsutil::fail_errno("setresuid");
    // A change of ids makes /proc/self unwritable for its own user, and a nested map is written through it.
    if (::prctl(PR_SET_DUMPABLE, 1) != 0) return nsutil::fail_errno("dumpable");
    return {};
}

Result<void> put_file(const ContainerFile& file, const std::string& path) {
    const uid_t uid = file.uid.value_or(::geteuid());
    const gid_t gid = file.gid.value_or(::getegid());
    for (auto slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
        const std::string folder = path.substr(0, slash);
        if (::mkdir(folder.c_str(), 0755) != 0) {
            if (errno == EEXIST) continue;
            return nsutil::fail_errno("mkdir " + folder);
        }
        if (::chown(folder.c_str(), uid, gid) != 0) return nsutil::fail_errno("chown " + folder);
    }
    return write_file(path, file.content, file.mode, uid, gid);
}

Result<void> take_ids(std::uint32_t uid, std::uint32_t gid, const std::vector<std::uint32_t>& groups) {
    // With the default securebits the change to another user takes the capabilities along again.
    if (::prctl(PR_SET_SECUREBITS, 0) != 0) return nsutil::fail_errno("securebits");
    if (::setgroups(groups.size(), groups.data()) != 0) return nsutil::fail_errno("setgroups");
    if (::setresgid(gid, gid, gid) != 0) return nsutil::fail_errno("setresgid");
    if (::setresuid(uid, uid, uid) != 0) return nsutil::fail_errno("setresuid");
    if (uid == 0) return {};
    // The kernel clears them only for who was uid 0 of this very user namespace before.
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2]{};
    if (::syscall(SYS_capset, &header, none) != 0) return nsutil::fail_errno("capset");
    return {};
}

Result<void> become_requester(const ContainerSpec& spec, int requester_fd, int control) {
    if (const auto& maps = spec.nested_user ? spec.nested_user : spec.user; maps) {
        if (auto done = become_first_mapped(*maps); !done) return done;
    }
    if (spec.net_namespace) {
        if (auto up = bring_loopback_up(); !up) return up;
    }
    if (auto mounted = set_up_mounts(spec); !mounted) return mounted;
    if (!spec.chroot_to.empty() && ::chroot(spec.chroot_to.c_str()) != 0) return nsutil::fail_errno("chroot");
    if (::chdir("/") != 0) return nsutil::fail_errno("chdir /");
    if (auto taken = take_ids(spec.uid, spec.gid, spec.groups); !taken) return taken;
    // After the last change of ids, which clears it.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);

    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3 && null >= 0; ++fd) (void)::dup2(null, fd);
    if (::dup3(control, 3, 0) < 0 && errno != EINVAL) return nsutil::fail_errno("dup the control socket");
    if (::fcntl(3, F_SETFD, 0) != 0) return nsutil::fail_errno("keep the control socket");
    (void)::close_range(4, ~0U, CLOSE_RANGE_CLOEXEC);
    std::string word = task_word(spec.task);
    std::string name = "requester";
    char* argv[] = {name.data(), word.data(), nullptr};
    std::vector<char*> environment;
    for (const auto& entry : spec.environment) environment.push_back(const_cast<char*>(entry.c_str()));
    environment.push_back(nullptr);
    (void)::syscall(SYS_execveat, requester_fd, "", argv, environment.data(), AT_EMPTY_PATH);
    return nsutil::fail_errno("exec the requester");
}

}  // namespace nsupcall::test::inside
