#pragma once
/// @file
/// Whether another process could be traced by its own user, and leaves core files: what it would say itself.

#include <elf.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>

#include <cerrno>

#include "nsutil/result.hpp"

namespace nsupcall::test {

/// Makes the process, which must be waiting in a system call and not sealed by seccomp, ask prctl(2) for
/// PR_GET_DUMPABLE, and go on as if nothing had been. The files of a root process in /proc would not tell:
/// they are root's either way.
/// @return 0 or 1
[[nodiscard]] inline nsutil::Result<long> ask_dumpable(pid_t pid) {
    const auto failed = [pid](const char* what) {
        auto error = nsutil::fail_errno(what);
        (void)::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
        return error;
    };
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) != 0) return nsutil::fail_errno("seize");
    int status = 0;
    if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0 || ::waitpid(pid, &status, __WALL) != pid)
        return failed("interrupt");
    user_regs_struct before = {};
    iovec io = {&before, sizeof before};
    if (::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) != 0) return failed("registers");
    auto asking = before;
    // The instruction that it came in by is the one before the one it would go on with.
#if defined(__x86_64__)
    asking.rip -= 2;
    asking.orig_rax = ~0ULL;
    asking.rax = SYS_prctl;
    asking.rdi = PR_GET_DUMPABLE;
    asking.rsi = asking.rdx = asking.r10 = asking.r8 = 0;
#elif defined(__aarch64__)
    asking.pc -= 4;
    asking.regs[8] = SYS_prctl;
    asking.regs[0] = PR_GET_DUMPABLE;
    asking.regs[1] = asking.regs[2] = asking.regs[3] = asking.regs[4] = 0;
#endif
    io = {&asking, sizeof asking};
    if (::ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io) != 0 ||
        ::ptrace(PTRACE_SINGLESTEP, pid, nullptr, nullptr) != 0 || ::waitpid(pid, &status, __WALL) != pid)
        return failed("step");
    user_regs_struct after = {};
    io = {&after, sizeof after};
    if (::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) != 0) return failed("registers");
    io = {&before, sizeof before};
    if (::ptrace(PTRACE_SETREGSET, pid, NT_PRSTATUS, &io) != 0) return failed("restore");
#if defined(__x86_64__)
    const long said = static_cast<long>(after.rax);
#elif defined(__aarch64__)
    const long said = static_cast<long>(after.regs[0]);
#endif
    if (::ptrace(PTRACE_DETACH, pid, nullptr, nullptr) != 0) return nsutil::fail_errno("detach");
    return said;
}

}  // namespace nsupcall::test
