/// @file
/// Build-time tool: writes the worker's seccomp programs as arrays, so that no upcall compiles one.
///
/// Usage: generate_worker_filter [--sanitizer] > worker_filter.inc

#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>

#include "privsep/filter/seccomp_program.hpp"

namespace {

using nsupcall::SeccompProgram;
using nsupcall::write_for_all;

/// What libkrb5, glibc (malloc, stdio, resolver, built-in NSS) and the worker itself call. Each was seen in
/// an upcall of tests/integration, or stands beside one that was: the same work on arm64, in another version
/// of glibc, or for another type of ccache.
constexpr const char* kAllowed[] = {
    // files: where, is decided by the user's permissions and by Landlock
    "read", "pread64", "write", "writev", "pwrite64", "lseek", "close", "open", "openat", "stat", "lstat",
    "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "getcwd", "fsync", "ftruncate", "fchmod", "unlink", "unlinkat", "rename",
    "renameat", "umask", "dup",
    // memory; mmap and mprotect have rules of their own
    "munmap", "mremap", "madvise", "brk",
    // time, waiting, randomness
    "clock_gettime", "clock_getres", "gettimeofday", "time", "nanosleep", "clock_nanosleep", "poll", "ppoll",
    "select", "pselect6", "futex", "getrandom", "restart_syscall",
    // network: sockets of other families are refused below
    "connect", "bind", "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "getsockname", "getpeername",
    "getsockopt", "setsockopt", "shutdown",
    // who am I; what machine is this
    "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
    "uname", "sysinfo", "getrlimit",
    // own signals and the end
    "rt_sigprocmask", "rt_sigreturn", "exit", "exit_group",
    // KEYRING caches: a new ticket is a new key of the user's own
    "add_key"};

/// What gssproxy's interposer waits for its daemon with; only in the program for workers that loaded it.
constexpr const char* kAllowedForGssproxy[] = {"epoll_create1", "epoll_ctl",      "epoll_wait",
                                               "epoll_pwait",   "timerfd_create", "timerfd_settime"};

/// keyctl operations that KEYRING caches need (linux/keyctl.h): GET_KEYRING_ID, DESCRIBE, LINK, SEARCH, READ,
/// SET_TIMEOUT, GET_PERSISTENT.
constexpr std::uint64_t kKeyctlAllowed[] = {0, 6, 8, 10, 11, 15, 22};

/// fcntl: flags, and the locks of ccache files.
constexpr std::uint64_t kFcntlAllowed[] = {F_GETFD, F_SETFD,  F_GETFL,     F_SETFL,     F_GETLK,
                                           F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW};

/// What nothing in a worker should ever try: the caller gets SIGSYS, whose handler reports it.
constexpr const char* kTrapped[] = {"execve",
                                    "execveat",
                                    "fork",
                                    "vfork",
                                    "clone",
                                    "clone3",
                                    "ptrace",
                                    "process_vm_readv",
                                    "process_vm_writev",
                                    "kill",
                                    "tkill",
                                    "pidfd_send_signal",
                                    "pidfd_open",
                                    "pidfd_getfd",
                                    "rt_sigqueueinfo",
                                    "rt_tgsigqueueinfo",
                                    "setns",
                                    "unshare",
                                    "mount",
                                    "umount2",
                                    "pivot_root",
                                    "chroot",
                                    "move_mount",
                                    "open_tree",
                                    "fsopen",
                                    "fsconfig",
                                    "fsmount",
                                    "fspick",
                                    "mount_setattr",
                                    "bpf",
                                    "perf_event_open",
                                    "io_uring_setup",
                                    "io_uring_enter",
                                    "io_uring_register",
                                    "userfaultfd",
                                    "shmat",
                                    "shmget",
                                    "modify_ldt",
                                    "remap_file_pages",
                                    "init_module",
                                    "finit_module",
                                    "delete_module",
                                    "kexec_load",
                                    "kexec_file_load",
                                    "reboot",
                                    "swapon",
                                    "swapoff",
                                    "iopl",
                                    "ioperm",
                                    "request_key",
                                    "open_by_handle_at",
                                    "memfd_create",
                                    "memfd_secret",
                                    "process_madvise",
                                    "mknod",
                                    "mknodat",
                                    "setuid",
                                    "setgid",
                                    "setreuid",
                                    "setregid",
                                    "setgroups",
                                    "setfsuid",
                                    "setfsgid",
                                    "capset"};

/// What a worker that waits for its task needs besides, from its fork to the end of the boundary, where the
/// last program takes it away.
constexpr const char* kAllowedAhead[] = {
    "accept4", "memfd_create", "wait4", "set_robust_list", "rt_sigaction", "setitimer", "dup2", "dup3", "close_range", "getppid",
    // groups, namespaces, root directory, user, capabilities
    "setgroups", "setresgid", "setns", "fchdir", "chroot", "chdir", "setresuid", "capset",
    // walls
    "setrlimit", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"};
constexpr std::uint64_t kPrctlAhead[] = {PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE,
                                         PR_GET_DUMPABLE,  PR_CAPBSET_DROP,  PR_SET_NO_NEW_PRIVS,
                                         PR_CAP_AMBIENT,   PR_SET_NAME};
constexpr std::uint64_t kKeyctlAhead[] = {1, 16};  // JOIN_SESSION_KEYRING, ASSUME_AUTHORITY
/// fork(): a process of its own, in the same namespaces; of the same parent, too.
constexpr std::uint64_t kForkFlags = CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID | CLONE_PARENT | CSIGNAL;

/// What a sanitizer's own machinery calls at any time.
constexpr const char* kAllowedForSanitizer[] = {"sigaltstack", "rt_sigaction", "prctl", "tgkill"};

template <std::size_t Size>
bool names(const char* const (&list)[Size], std::string_view call) {
    return std::find(std::begin(list), std::end(list), call) != std::end(list);
}

constexpr std::uint64_t kExec = PROT_EXEC;
constexpr std::uint64_t kSocketType = 0xf;  // SOCK_TYPE_MASK: less SOCK_CLOEXEC and SOCK_NONBLOCK

/// The worker's list but for kTrapped.
void fill(SeccompProgram& filter, bool sanitizer) {
    for (const char* call : kAllowed) filter.allow(call);
    // Anonymous memory only. A file of the container that cannot be mapped at all cannot be half-loaded
    // either: ld.so maps the segments of a library where its headers say, over other libraries' data if need
    // be, before it comes to the first executable one.
    constexpr std::uint64_t kAnonymous = MAP_ANONYMOUS;
    filter.allow("mmap", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0),
                          SCMP_A3_64(SCMP_CMP_MASKED_EQ, kAnonymous, kAnonymous)});
    filter.rule(SCMP_ACT_ERRNO(EACCES), "mmap", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, kExec)});
    filter.rule(SCMP_ACT_ERRNO(EACCES), "mmap", {SCMP_A3_64(SCMP_CMP_MASKED_EQ, kAnonymous, 0)});
    filter.allow("mprotect", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0)});
    filter.rule(SCMP_ACT_ERRNO(EACCES), "mprotect", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, kExec)});
    filter.rule(SCMP_ACT_ERRNO(EACCES), "pkey_mprotect");
    for (const std::uint64_t operation : kKeyctlAllowed)
        filter.allow("keyctl", {SCMP_A0_32(SCMP_CMP_EQ, operation)});
    for (const std::uint64_t operation : kFcntlAllowed)
        filter.allow("fcntl", {SCMP_A1_32(SCMP_CMP_EQ, operation)});
    // Streams and datagrams of the plain protocols: the number of another one would load its kernel module.
    for (const std::uint64_t type : {SOCK_STREAM, SOCK_DGRAM}) {
        filter.allow("socket",
                     {SCMP_A0_32(SCMP_CMP_EQ, AF_UNIX), SCMP_A1_32(SCMP_CMP_MASKED_EQ, kSocketType, type),
                      SCMP_A2_32(SCMP_CMP_EQ, 0)});
        for (const std::uint64_t family : {AF_INET, AF_INET6})
            for (const std::uint64_t protocol :
                 {0, type == SOCK_STREAM ? int{IPPROTO_TCP} : int{IPPROTO_UDP}})
                filter.allow("socket", {SCMP_A0_32(SCMP_CMP_EQ, family),
                                        SCMP_A1_32(SCMP_CMP_MASKED_EQ, kSocketType, type),
                                        SCMP_A2_32(SCMP_CMP_EQ, protocol)});
    }
    // glibc asks the kernel for its own addresses to sort answers by RFC 6724.
    filter.allow("socket",
                 {SCMP_A0_32(SCMP_CMP_EQ, AF_NETLINK), SCMP_A1_32(SCMP_CMP_MASKED_EQ, kSocketType, SOCK_RAW),
                  SCMP_A2_32(SCMP_CMP_EQ, NETLINK_ROUTE)});
    // libkrb5 makes its sockets non-blocking that way; glibc asks how much of an answer has come.
    constexpr std::uint64_t kFionread = 0x541b, kFionbio = 0x5421;
    for (const std::uint64_t request : {kFionread, kFionbio})
        filter.allow("ioctl", {SCMP_A1_32(SCMP_CMP_EQ, request)});
    // Reading limits, not setting them.
    filter.allow("prlimit64", {SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0)});
    if (sanitizer)
        for (const char* call : kAllowedForSanitizer) filter.allow(call);
}

/// The whole list.
void fill_whole(SeccompProgram& filter, bool sanitizer) {
    fill(filter, sanitizer);
    for (const char* call : kTrapped) filter.rule(SCMP_ACT_TRAP, call);
}

/// The list, and what is allowed ahead.
void fill_ahead(SeccompProgram& filter, bool sanitizer) {
    fill(filter, sanitizer);
    for (const char* call : kTrapped)
        if (!names(kAllowedAhead, call) && std::string_view(call) != "clone")
            filter.rule(SCMP_ACT_TRAP, call);
    for (const char* call : kAllowedAhead)
        if (!sanitizer || !names(kAllowedForSanitizer, call)) filter.allow(call);
    if (!sanitizer)
        for (const std::uint64_t operation : kPrctlAhead)
            filter.allow("prctl", {SCMP_A0_32(SCMP_CMP_EQ, operation)});
    for (const std::uint64_t operation : kKeyctlAhead)
        filter.allow("keyctl", {SCMP_A0_32(SCMP_CMP_EQ, operation)});
    filter.allow("clone", {SCMP_A0_64(SCMP_CMP_MASKED_EQ, ~kForkFlags, 0)});
    filter.allow("personality", {SCMP_A0_64(SCMP_CMP_EQ, 0)});
    filter.allow("prlimit64", {SCMP_A0_32(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_NE, 0)});
    filter.allow("seccomp",
                 {SCMP_A0_32(SCMP_CMP_EQ, SECCOMP_SET_MODE_FILTER), SCMP_A1_32(SCMP_CMP_EQ, 0)});
}

/// Takes away what is allowed ahead, and answers it as the whole list does.
void fill_last(SeccompProgram& filter, bool sanitizer) {
    const auto take_away = [&](const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        if (sanitizer && names(kAllowedForSanitizer, call)) return;
        filter.rule(names(kTrapped, call) ? SCMP_ACT_TRAP : SCMP_ACT_ERRNO(EPERM), call, arguments);
    };
    for (const char* call : kAllowedAhead) take_away(call);
    for (const char* call : {"prctl", "clone", "personality", "seccomp"}) take_away(call);
    for (const std::uint64_t operation : kKeyctlAhead)
        take_away("keyctl", {SCMP_A0_32(SCMP_CMP_EQ, operation)});
    take_away("prlimit64", {SCMP_A2_64(SCMP_CMP_NE, 0)});
}

}  // namespace

int main(int argc, char** argv) {
    const bool sanitizer = argc > 1 && std::strcmp(argv[1], "--sanitizer") == 0;
    return write_for_all([&](std::uint32_t architecture) {
        const auto write = [&](const char* name, std::uint32_t otherwise, const auto& fill_in) {
            SeccompProgram filter(architecture, otherwise);
            // A tree: one upcall makes a few hundred calls, each of which walks the program.
            filter.arrange_as_tree();
            fill_in(filter, sanitizer);
            filter.write(name);
        };
        constexpr std::uint32_t kRefuse = SCMP_ACT_ERRNO(EPERM);
        write("kWorkerFilter", kRefuse, fill_whole);
        write("kWorkerFilterWithGssproxy", kRefuse, [](SeccompProgram& filter, bool for_sanitizer) {
            fill_whole(filter, for_sanitizer);
            for (const char* call : kAllowedForGssproxy) filter.allow(call);
        });
        write("kBoundaryFilter", kRefuse, fill_ahead);
        write("kLastFilter", SCMP_ACT_ALLOW, fill_last);
    });
}
