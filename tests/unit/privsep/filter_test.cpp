/// @file
/// The generated seccomp programs of both machines, each by itself.

#include "privsep/filter_program.hpp"

#include <initializer_list>
#include <string_view>

namespace nsupcall {

std::vector<Case> cases_of_worker() {
    std::vector<Case> cases = {
        {"read", SECCOMP_RET_ALLOW},
        {"openat", SECCOMP_RET_ALLOW},
        {"sendto", SECCOMP_RET_ALLOW},
        {"exit_group", SECCOMP_RET_ALLOW},
        {"mmap", SECCOMP_RET_ALLOW, {0, 4096, PROT_READ | PROT_WRITE, kAnonymous}},
        {"mmap", refused(EACCES), {0, 4096, PROT_READ | PROT_EXEC, kAnonymous}},
        {"mmap", refused(EACCES), {0, 4096, PROT_READ | PROT_EXEC, kPrivate, 3}},
        {"mmap", refused(EACCES), {0, 4096, PROT_READ, kPrivate, 3}},
        {"mprotect", SECCOMP_RET_ALLOW, {0, 4096, PROT_READ}},
        {"mprotect", refused(EACCES), {0, 4096, PROT_READ | PROT_EXEC}},
        {"pkey_mprotect", refused(EACCES), {0, 4096, PROT_READ}},
        {"personality", refused(EPERM), {0x0400000}},
#ifndef NSUPCALL_SANITIZE  // whose own machinery calls them
        {"prctl", refused(EPERM), {4, 1}},
        {"rt_sigaction", refused(EPERM)},
#endif
        {"setresuid", refused(EPERM)},
        {"clone", SECCOMP_RET_TRAP},
        {"clone3", SECCOMP_RET_TRAP},
        {"socket", SECCOMP_RET_ALLOW, {2, 1, 0}},
        {"socket", SECCOMP_RET_ALLOW, {2, 1 | 02000000 | 04000, 6}},
        {"socket", refused(EPERM), {2, 1, 132}},
        {"socket", refused(EPERM), {2, 3, 1}},
        {"socket", refused(EPERM), {17, 3, 0}},
        {"socket", refused(EPERM), {40, 1, 0}},
        {"socketpair", refused(EPERM), {1, 1, 0}},
        {"ioctl", SECCOMP_RET_ALLOW, {3, 0x541b}},
        {"ioctl", refused(EPERM), {0, 0x5412}},
        {"fcntl", SECCOMP_RET_ALLOW, {3, 1}},
        {"fcntl", refused(EPERM), {3, 8 /* F_SETOWN */, 1}},
        {"prlimit64", SECCOMP_RET_ALLOW, {0, 7, 0, 1}},
        {"prlimit64", refused(EPERM), {0, 7, 1, 0}},
        {"prlimit64", refused(EPERM), {1, 7, 0, 1}},
        {"keyctl", SECCOMP_RET_ALLOW, {11}},
        {"linkat", refused(EPERM)},
        {"symlinkat", refused(EPERM)},
        {"fchownat", refused(EPERM)},
        {"listen", refused(EPERM)},
        {"accept4", refused(EPERM)},
    };
    // JOIN_SESSION, UPDATE, REVOKE, CHOWN, SETPERM, CLEAR, UNLINK, INSTANTIATE, NEGATE, ASSUME_AUTHORITY,
    // SESSION_TO_PARENT, REJECT, INSTANTIATE_IOV, INVALIDATE, and one that is to come.
    for (const std::uint64_t operation : {1, 2, 3, 4, 5, 7, 9, 12, 13, 16, 18, 19, 20, 21, 99})
        cases.push_back({"keyctl", refused(EPERM), {operation}});
    for (const char* call : {"execve",
                             "execveat",
                             "fork",
                             "vfork",
                             "ptrace",
                             "process_vm_readv",
                             "process_vm_writev",
                             "kill",
                             "tkill",
                             "pidfd_send_signal",
                             "pidfd_open",
                             "pidfd_getfd",
                             "rt_sigqueueinfo",
                             "setns",
                             "unshare",
                             "mount",
                             "umount2",
                             "pivot_root",
                             "chroot",
                             "move_mount",
                             "open_tree",
                             "fsopen",
                             "fsmount",
                             "mount_setattr",
                             "bpf",
                             "perf_event_open",
                             "io_uring_setup",
                             "io_uring_enter",
                             "io_uring_register",
                             "userfaultfd",
                             "shmat",
                             "init_module",
                             "finit_module",
                             "kexec_load",
                             "request_key",
                             "open_by_handle_at",
                             "memfd_create",
                             "mknodat",
                             "setuid",
                             "setgroups",
                             "capset"})
        cases.push_back({call, SECCOMP_RET_TRAP});
    return cases;
}

namespace {

TEST(Filter, OfWorkers_OnBothMachines_DecidesAsItShould) {
    for (const auto& machine : kMachines)
        for (const char* name : {"kWorkerFilter", "kWorkerFilterWithGssproxy"}) {
            SCOPED_TRACE(std::string(machine.name) + " " + name);
            const auto program = read_program(NSUPCALL_WORKER_FILTER, machine, name);
            ASSERT_GT(program.size(), 100U);
            ASSERT_LE(program.size(), std::size_t{BPF_MAXINSNS});
            EXPECT_GT(expect_all(machine, program, cases_of_worker()), 80);
            const bool waits = std::string_view(name) == "kWorkerFilterWithGssproxy";
            expect_all(machine, program,
                       {{"epoll_pwait", waits ? std::uint32_t{SECCOMP_RET_ALLOW} : refused(EPERM)}});
        }
}

TEST(Filter, OfTheAgentsServer_OnBothMachines_DecidesAsItShould) {
    for (const auto& machine : kMachines) {
        SCOPED_TRACE(machine.name);
        const auto program = read_program(NSUPCALL_SERVER_FILTER, machine, "kServerFilter");
        ASSERT_GT(program.size(), 50U);
        std::vector<Case> cases = {{"accept4", SECCOMP_RET_ALLOW},
                                   {"sendto", SECCOMP_RET_ALLOW},
                                   {"mmap", SECCOMP_RET_ALLOW, {0, 4096, PROT_READ | PROT_WRITE, kAnonymous}},
                                   {"mmap", refused(EPERM), {0, 4096, PROT_READ | PROT_EXEC, kAnonymous}},
                                   {"mmap", refused(EPERM), {0, 4096, PROT_READ, kPrivate, 3}},
                                   {"mprotect", refused(EPERM), {0, 4096, PROT_EXEC}}};
        for (const char* call : {"openat",
                                 "open",
                                 "execve",
                                 "clone",
                                 "clone3",
                                 "fork",
                                 "socket",
                                 "connect",
                                 "bind",
                                 "kill",
                                 "tgkill",
                                 "ptrace",
                                 "process_vm_writev",
                                 "keyctl",
                                 "request_key",
                                 "add_key",
                                 "setns",
                                 "unshare",
                                 "mount",
                                 "bpf",
                                 "io_uring_setup",
                                 "userfaultfd",
                                 "pkey_mprotect",
                                 "personality",
                                 "setresuid"})
            cases.push_back({call, refused(EPERM)});
        EXPECT_GT(expect_all(machine, program, cases), 25);
    }
}

TEST(Filter, CallsOfAnotherMachine_EndTheProcess) {
    for (const auto& machine : kMachines)
        for (const char* file : {NSUPCALL_WORKER_FILTER, NSUPCALL_SERVER_FILTER}) {
            const bool worker = std::string_view(file) == NSUPCALL_WORKER_FILTER;
            const auto program = read_program(file, machine, worker ? "kWorkerFilter" : "kServerFilter");
            seccomp_data data = {};
            data.nr = seccomp_syscall_resolve_name_arch(machine.seccomp, "read");
            for (const std::uint32_t other :
                 std::initializer_list<std::uint32_t>{AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64,
                                                      AUDIT_ARCH_X86_64, AUDIT_ARCH_AARCH64}) {
                data.arch = other;
                if (other == machine.audit) {
                    EXPECT_EQ(std::uint32_t{SECCOMP_RET_ALLOW}, run(program, data));
                } else {
                    EXPECT_EQ(SECCOMP_RET_KILL_PROCESS, run(program, data)) << machine.name << " " << other;
                }
            }
        }
    // x32 is the same machine with a bit on top of the number.
    const auto program = read_program(NSUPCALL_WORKER_FILTER, kMachines[0], "kWorkerFilter");
    seccomp_data data = {};
    data.arch = AUDIT_ARCH_X86_64;
    data.nr = 0x40000000 + 39;
    EXPECT_EQ(SECCOMP_RET_KILL_PROCESS, run(program, data));
}

}  // namespace
}  // namespace nsupcall
