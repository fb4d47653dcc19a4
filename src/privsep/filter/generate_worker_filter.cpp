/// @file
/// Build-time tool: writes the worker's seccomp program as an array, so that no upcall compiles it.
///
/// Usage: generate_worker_filter [--sanitizer] > worker_filter.inc

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

[[noreturn]] void die(const char* what, int error) {
    (void)std::fprintf(stderr, "generate_worker_filter: %s: %s\n", what,
                       std::strerror(error < 0 ? -error : error));
    std::exit(1);
}

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

class Filter {
  public:
    explicit Filter(std::uint32_t architecture) : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {
        if (context_ == nullptr) die("seccomp_init", ENOMEM);
        if (architecture != seccomp_arch_native()) {
            check("arch", seccomp_arch_add(context_, architecture));
            check("arch", seccomp_arch_remove(context_, SCMP_ARCH_NATIVE));
        }
        architecture_ = architecture;
        check("bad arch", seccomp_attr_set(context_, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
        // A tree: one upcall makes a few hundred calls, each of which walks the program.
        check("optimise", seccomp_attr_set(context_, SCMP_FLTATR_CTL_OPTIMIZE, 2));
    }
    ~Filter() { seccomp_release(context_); }
    Filter(const Filter&) = delete;
    Filter& operator=(const Filter&) = delete;

    /// Calls that an architecture does not have (open on arm64, say) are left out.
    void rule(std::uint32_t action, const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        if (seccomp_syscall_resolve_name_arch(architecture_, call) < 0) {
            if (seccomp_syscall_resolve_name(call) == __NR_SCMP_ERROR) die(call, ENOSYS);
            return;
        }
        // Rules take the number of the machine that this tool runs on; libseccomp translates.
        const std::vector<scmp_arg_cmp> list(arguments);
        check(call, seccomp_rule_add_array(context_, action, seccomp_syscall_resolve_name(call),
                                           static_cast<unsigned>(list.size()), list.data()));
    }
    void allow(const char* call, std::initializer_list<scmp_arg_cmp> arguments = {}) {
        rule(SCMP_ACT_ALLOW, call, arguments);
    }

    void write_program(const char* name) {
        const int fd = ::memfd_create("filter", 0);
        if (fd < 0) die("memfd_create", errno);
        check("export", seccomp_export_bpf(context_, fd));
        std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)) /
                                         sizeof(sock_filter));
        if (::pread(fd, program.data(), program.size() * sizeof(sock_filter), 0) < 0) die("read", errno);
        (void)::close(fd);
        std::printf("constexpr sock_filter %s[] = {\n", name);
        for (const auto& step : program)
            std::printf("    {0x%02x, %u, %u, 0x%08x},\n", step.code, step.jt, step.jf, step.k);
        std::printf("};\n");
    }

  private:
    static void check(const char* what, int error) {
        if (error != 0) die(what, error);
    }
    scmp_filter_ctx context_;
    std::uint32_t architecture_ = 0;
};

constexpr std::uint64_t kExec = PROT_EXEC;
constexpr std::uint64_t kSocketType = 0xf;  // SOCK_TYPE_MASK: less SOCK_CLOEXEC and SOCK_NONBLOCK

void fill(Filter& filter, bool sanitizer) {
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
    const struct {
        const char* condition;
        std::uint32_t architecture;
    } all[] = {{"#if defined(__x86_64__) && !defined(__ILP32__)\n", SCMP_ARCH_X86_64},
               {"#elif defined(__aarch64__)\n", SCMP_ARCH_AARCH64}};
    for (const auto& [condition, architecture] : all) {
        (void)std::fputs(condition, stdout);
        Filter filter(architecture);
        fill(filter, sanitizer);
        filter.write_program("kWorkerFilter");
        Filter wider(architecture);
        fill(wider, sanitizer);
        for (const char* call : kAllowedForGssproxy) wider.allow(call);
        wider.write_program("kWorkerFilterWithGssproxy");
    }
    std::puts("#else\n#error \"no seccomp program for this architecture\"\n#endif");
    return std::fflush(stdout) == 0 ? 0 : 1;
}
