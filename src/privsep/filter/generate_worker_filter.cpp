/// @file
/// Build-time tool: writes the worker's seccomp program as an array, so that no upcall compiles it.
///
/// Usage: generate_worker_filter [--sanitizer] > worker_filter.inc

#include <fcntl.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

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

constexpr std::uint64_t kExec = PROT_EXEC;
constexpr std::uint64_t kSocketType = 0xf;  // SOCK_TYPE_MASK: less SOCK_CLOEXEC and SOCK_NONBLOCK

void fill(SeccompProgram& filter, bool sanitizer) {
    for (const char* call : kAllowed) filter.allow(call);
    for (const char* call : kTrapped) filter.rule(SCMP_ACT_TRAP, call);
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
        for (const char* call : {"sigaltstack", "rt_sigaction", "prctl", "tgkill"}) filter.allow(call);
}

}  // namespace

int main(int argc, char** argv) {
    const bool sanitizer = argc > 1 && std::strcmp(argv[1], "--sanitizer") == 0;
    return write_for_all([&](std::uint32_t architecture) {
        SeccompProgram filter(architecture);
        // A tree: one upcall makes a few hundred calls, each of which walks the program.
        filter.arrange_as_tree();
        fill(filter, sanitizer);
        filter.write("kWorkerFilter");
        SeccompProgram wider(architecture);
        wider.arrange_as_tree();
        fill(wider, sanitizer);
        for (const char* call : kAllowedForGssproxy) wider.allow(call);
        wider.write("kWorkerFilterWithGssproxy");
    });
}
