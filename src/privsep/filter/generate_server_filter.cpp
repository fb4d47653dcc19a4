/// @file
/// Build-time tool: writes the seccomp program of the agent's HTTP server as an array.

#include <fcntl.h>
#include <linux/filter.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

/// What an event loop over open sockets needs, glibc's memory and the end. Nothing that opens, connects,
/// forks, executes, signals others or changes who this is: all that gets EPERM.
constexpr const char* kAllowed[] = {"read",        "readv",          "write",           "writev",
                                    "close",       "recvfrom",       "recvmsg",         "sendto",
                                    "sendmsg",     "sendfile",       "accept",          "accept4",
                                    "shutdown",    "setsockopt",     "getsockopt",      "getsockname",
                                    "getpeername", "epoll_ctl",      "epoll_wait",      "epoll_pwait",
                                    "poll",        "ppoll",          "clock_gettime",   "gettimeofday",
                                    "time",        "nanosleep",      "clock_nanosleep", "futex",
                                    "munmap",      "mremap",         "madvise",         "brk",
                                    "getrandom",   "getpid",         "gettid",          "getuid",
                                    "geteuid",     "rt_sigprocmask", "rt_sigreturn",    "exit",
                                    "exit_group",  "restart_syscall"};

void check(const char* what, int error) {
    if (error == 0) return;
    (void)std::fprintf(stderr, "generate_server_filter: %s: %s\n", what, std::strerror(-error));
    std::exit(1);
}

void write_program(std::uint32_t architecture) {
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (context == nullptr) check("seccomp_init", -ENOMEM);
    if (architecture != seccomp_arch_native()) {
        check("arch", seccomp_arch_add(context, architecture));
        check("arch", seccomp_arch_remove(context, SCMP_ARCH_NATIVE));
    }
    check("bad arch", seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS));
    const auto allow = [&](const char* call, std::vector<scmp_arg_cmp> arguments = {}) {
        if (seccomp_syscall_resolve_name_arch(architecture, call) < 0) return;  // open on arm64, say
        check(call, seccomp_rule_add_array(context, SCMP_ACT_ALLOW, seccomp_syscall_resolve_name(call),
                                           static_cast<unsigned>(arguments.size()), arguments.data()));
    };
    for (const char* call : kAllowed) allow(call);
    constexpr std::uint64_t kExec = PROT_EXEC, kAnonymous = MAP_ANONYMOUS;
    allow("mmap",
          {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0), SCMP_A3_64(SCMP_CMP_MASKED_EQ, kAnonymous, kAnonymous)});
    allow("mprotect", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0)});
    for (const std::uint64_t operation : {F_GETFD, F_SETFD, F_GETFL, F_SETFL})
        allow("fcntl", {SCMP_A1_32(SCMP_CMP_EQ, operation)});
    constexpr std::uint64_t kFionbio = 0x5421;
    allow("ioctl", {SCMP_A1_32(SCMP_CMP_EQ, kFionbio)});

    const int fd = ::memfd_create("filter", 0);
    if (fd < 0) check("memfd_create", -errno);
    check("export", seccomp_export_bpf(context, fd));
    std::vector<sock_filter> program(static_cast<std::size_t>(::lseek(fd, 0, SEEK_END)) /
                                     sizeof(sock_filter));
    if (::pread(fd, program.data(), program.size() * sizeof(sock_filter), 0) < 0) check("read", -errno);
    (void)::close(fd);
    seccomp_release(context);
    std::printf("constexpr sock_filter kServerFilter[] = {\n");
    for (const auto& step : program)
        std::printf("    {0x%02x, %u, %u, 0x%08x},\n", step.code, step.jt, step.jf, step.k);
    std::printf("};\n");
}

}  // namespace

int main() {
    (void)std::fputs("#if defined(__x86_64__) && !defined(__ILP32__)\n", stdout);
    write_program(SCMP_ARCH_X86_64);
    (void)std::fputs("#elif defined(__aarch64__)\n", stdout);
    write_program(SCMP_ARCH_AARCH64);
    std::puts("#else\n#error \"no seccomp program for this architecture\"\n#endif");
    return std::fflush(stdout) == 0 ? 0 : 1;
}
