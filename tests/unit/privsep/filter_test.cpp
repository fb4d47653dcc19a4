/// @file
/// The generated seccomp programs of both machines, run call by call as the kernel would run them.

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace nsupcall {
namespace {

using Program = std::vector<sock_filter>;

struct Machine {
    const char* name;
    const char* condition;  ///< of its part of the generated file
    std::uint32_t audit;    ///< how the kernel names it to the program
    std::uint32_t seccomp;  ///< how libseccomp does
};

constexpr std::array kMachines = {Machine{"x86-64", "__x86_64__", AUDIT_ARCH_X86_64, SCMP_ARCH_X86_64},
                                  Machine{"arm64", "__aarch64__", AUDIT_ARCH_AARCH64, SCMP_ARCH_AARCH64}};

/// The array `name` of that machine's part of a generated file.
Program read_program(const char* path, const Machine& machine, const std::string& name) {
    std::ifstream file(path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    auto at = text.find(machine.condition);
    if (at != std::string::npos) at = text.find(" " + name + "[]", at);
    Program program;
    if (at == std::string::npos) return program;
    const auto end = text.find("};", at);
    while ((at = text.find('{', at + 1)) < end) {
        unsigned code = 0, jt = 0, jf = 0, k = 0;
        if (std::sscanf(text.c_str() + at, "{0x%x, %u, %u, 0x%x}", &code, &jt, &jf, &k) != 4) continue;
        program.push_back({static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(jt),
                           static_cast<std::uint8_t>(jf), k});
    }
    return program;
}

/// What the kernel's interpreter makes of it (Linux kernel/bpf/core.c, kernel/seccomp.c).
/// @return the action; nothing for a step that a seccomp program does not have
std::optional<std::uint32_t> run(const Program& program, const seccomp_data& data) {
    std::uint32_t accumulator = 0;
    for (std::size_t at = 0; at < program.size(); ++at) {
        const auto& step = program[at];
        bool jumps = true;
        bool holds = false;
        switch (step.code) {
            case BPF_LD | BPF_W | BPF_ABS:
                if (step.k + sizeof accumulator > sizeof data) return std::nullopt;
                std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + step.k, sizeof accumulator);
                jumps = false;
                break;
            case BPF_ALU | BPF_AND | BPF_K:
                accumulator &= step.k;
                jumps = false;
                break;
            case BPF_JMP | BPF_JA:
                at += step.k;
                jumps = false;
                break;
            case BPF_JMP | BPF_JEQ | BPF_K:
                holds = accumulator == step.k;
                break;
            case BPF_JMP | BPF_JGT | BPF_K:
                holds = accumulator > step.k;
                break;
            case BPF_JMP | BPF_JGE | BPF_K:
                holds = accumulator >= step.k;
                break;
            case BPF_JMP | BPF_JSET | BPF_K:
                holds = (accumulator & step.k) != 0;
                break;
            case BPF_RET | BPF_K:
                return step.k;
            default:
                return std::nullopt;
        }
        if (jumps) at += holds ? step.jt : step.jf;
    }
    return std::nullopt;
}

struct Case {
    const char* call;
    std::uint32_t action;
    std::array<std::uint64_t, 6> arguments = {};
};

constexpr std::uint32_t refused(std::uint32_t error) {
    return SECCOMP_RET_ERRNO | error;
}

/// @return how many of the calls this machine has
int expect_all(const Machine& machine, const Program& program, const std::vector<Case>& cases) {
    int known = 0;
    for (const auto& [call, action, arguments] : cases) {
        const int number = seccomp_syscall_resolve_name_arch(machine.seccomp, call);
        if (number < 0) {
            EXPECT_NE(__NR_SCMP_ERROR, number) << call << ": no machine has it";
            continue;
        }
        ++known;
        seccomp_data data = {};
        data.nr = number;
        data.arch = machine.audit;
        std::copy(arguments.begin(), arguments.end(), data.args);
        const auto got = run(program, data);
        EXPECT_TRUE(got) << call;
        EXPECT_EQ(action, got.value_or(0)) << machine.name << " " << call;
    }
    return known;
}

constexpr std::uint64_t kPrivate = MAP_PRIVATE, kAnonymous = MAP_PRIVATE | MAP_ANONYMOUS;

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
