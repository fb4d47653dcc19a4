/// @file
/// Build-time tool: writes the seccomp program of the agent's HTTP server as an array.

#include <fcntl.h>
#include <sys/mman.h>

#include <cstdint>

#include "privsep/filter/seccomp_program.hpp"

namespace {

using nsupcall::SeccompProgram;
using nsupcall::write_for_all;

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

void fill(SeccompProgram& filter) {
    for (const char* call : kAllowed) filter.allow(call);
    constexpr std::uint64_t kExec = PROT_EXEC, kAnonymous = MAP_ANONYMOUS;
    filter.allow("mmap", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0),
                          SCMP_A3_64(SCMP_CMP_MASKED_EQ, kAnonymous, kAnonymous)});
    filter.allow("mprotect", {SCMP_A2_64(SCMP_CMP_MASKED_EQ, kExec, 0)});
    for (const std::uint64_t operation : {F_GETFD, F_SETFD, F_GETFL, F_SETFL})
        filter.allow("fcntl", {SCMP_A1_32(SCMP_CMP_EQ, operation)});
    constexpr std::uint64_t kFionbio = 0x5421;
    filter.allow("ioctl", {SCMP_A1_32(SCMP_CMP_EQ, kFionbio)});
}

}  // namespace

int main() {
    return write_for_all([](std::uint32_t architecture) {
        SeccompProgram filter(architecture);
        fill(filter);
        filter.write("kServerFilter");
    });
}
