/// @file
/// The worker's seccomp program in two steps: together they are the whole one, and the first is a wall by
/// itself.

#include "privsep/filter_program.hpp"

namespace nsupcall {
namespace {

// Flags of clone(2): as fork() has them, a thread, a user namespace.
constexpr std::uint64_t kForkOfGlibc = 0x1200011, kForkOfNursery = 0x8011, kThread = 0x3d0f00,
                        kNewUser = 0x10000011;

/// What the kernel makes of two programs of which `last` was installed later: the stricter action, of equal
/// ones the later's (Linux kernel/seccomp.c, seccomp_run_filters).
std::uint32_t run_both(const Program& first, const Program& last, const seccomp_data& data) {
    const auto of_first = run(first, data), of_last = run(last, data);
    EXPECT_TRUE(of_first && of_last) << data.nr;
    const auto strictness = [](std::uint32_t action) {
        return static_cast<std::int32_t>(action & SECCOMP_RET_ACTION_FULL);
    };
    const auto one = of_first.value_or(0), two = of_last.value_or(0);
    return strictness(one) < strictness(two) ? one : two;
}

using Arguments = std::array<std::uint64_t, 6>;

/// What any rule looks at and more, at each place, with some others beside it.
std::vector<Arguments> rows_of_arguments() {
    std::vector<std::uint64_t> values = {kForkOfGlibc, kForkOfNursery, kThread,    kNewUser,   0x541b, 0x5421,
                                         0x5412,       0x0400000,      1ULL << 32, 1ULL << 63, ~0ULL};
    for (std::uint64_t value = 0; value < 48; ++value) values.push_back(value);
    for (const std::uint64_t type : {1, 2, 3, 5}) values.push_back(type | 02000000U | 04000U);
    std::vector<Arguments> rows;
    for (const auto value : values) {
        rows.push_back({value});
        for (const std::uint64_t other : {0, 1, 2, 6, 17, 38})
            for (const std::uint64_t third : {0, 1})
                for (const std::uint64_t fourth : {0, 34}) {
                    rows.push_back({value, other, third, fourth});
                    rows.push_back({other, value, third, fourth});
                    rows.push_back({other, third, value, fourth});
                }
    }
    return rows;
}

TEST(Filter, OfWorkersInTwoSteps_OnBothMachines_DecideAsTheWholeOne) {
    const auto rows = rows_of_arguments();
    for (const auto& machine : kMachines) {
        SCOPED_TRACE(machine.name);
        const auto whole = read_program(NSUPCALL_WORKER_FILTER, machine, "kWorkerFilter");
        const auto first = read_program(NSUPCALL_WORKER_FILTER, machine, "kBoundaryFilter");
        const auto last = read_program(NSUPCALL_WORKER_FILTER, machine, "kLastFilter");
        ASSERT_GT(first.size(), whole.size());
        ASSERT_GT(last.size(), 20U);
        // What makes it worth while.
        EXPECT_LT(last.size(), 64U);
        seccomp_data data = {};
        constexpr int kX32 = 0x40000000;
        for (int number = 0; number <= 512; ++number)
            for (const int bits : {0, kX32})
                for (const std::uint32_t audit : {machine.audit, std::uint32_t{AUDIT_ARCH_I386}}) {
                    data.nr = number | bits;
                    data.arch = audit;
                    const bool usual = bits == 0 && audit == machine.audit;
                    for (const auto& row : rows) {
                        std::copy(row.begin(), row.end(), data.args);
                        const auto wanted = run(whole, data).value_or(1), got = run_both(first, last, data);
                        if (wanted != got)
                            FAIL() << number << "(" << row[0] << ", " << row[1] << ", " << row[2] << ", "
                                   << row[3] << "): " << wanted << " by the whole, " << got << " by two";
                        if (!usual) break;
                    }
                }
        for (const auto& [call, action, arguments] : cases_of_worker()) {
            data.nr = seccomp_syscall_resolve_name_arch(machine.seccomp, call);
            if (data.nr < 0) continue;
            data.arch = machine.audit;
            std::copy(arguments.begin(), arguments.end(), data.args);
            EXPECT_EQ(action, run_both(first, last, data)) << call;
        }
    }
}

TEST(Filter, OfWaitingWorkers_OnBothMachines_AllowsTheBoundaryAndNoMore) {
    std::vector<Case> cases = {
        {"setgroups", SECCOMP_RET_ALLOW},
        {"setns", SECCOMP_RET_ALLOW},
        {"chroot", SECCOMP_RET_ALLOW},
        {"setresuid", SECCOMP_RET_ALLOW},
        {"capset", SECCOMP_RET_ALLOW},
        {"close_range", SECCOMP_RET_ALLOW},
        {"landlock_restrict_self", SECCOMP_RET_ALLOW},
        {"recvmsg", SECCOMP_RET_ALLOW},
        {"accept4", SECCOMP_RET_ALLOW},
        {"memfd_create", SECCOMP_RET_ALLOW},
        {"prctl", SECCOMP_RET_ALLOW, {38, 1}},
        {"keyctl", SECCOMP_RET_ALLOW, {1}},
        {"keyctl", refused(EPERM), {12}},
        {"keyctl", refused(EPERM), {19}},
        {"seccomp", SECCOMP_RET_ALLOW, {1, 0}},
        {"seccomp", refused(EPERM), {1, 8}},
        {"personality", SECCOMP_RET_ALLOW, {0}},
        {"personality", refused(EPERM), {0x0400000}},
        {"prlimit64", SECCOMP_RET_ALLOW, {0, 7, 1}},
        {"prlimit64", refused(EPERM), {1, 7, 1}},
        {"clone", SECCOMP_RET_ALLOW, {kForkOfGlibc}},
        {"clone", SECCOMP_RET_ALLOW, {kForkOfNursery}},
        {"clone", refused(EPERM), {kThread}},
        {"clone", refused(EPERM), {kNewUser}},
        {"mmap", refused(EACCES), {0, 4096, PROT_READ | PROT_EXEC, kAnonymous}},
        {"mmap", refused(EACCES), {0, 4096, PROT_READ, kPrivate, 3}},
        {"mprotect", refused(EACCES), {0, 4096, PROT_READ | PROT_EXEC}},
        {"setuid", SECCOMP_RET_TRAP},
        {"socketpair", refused(EPERM), {1, 1, 0}},
#ifndef NSUPCALL_SANITIZE
        {"prctl", refused(EPERM), {22, 2}},
#endif
    };
    const std::vector<std::string> of_the_boundary = {"clone",     "setns",  "chroot",
                                                      "setgroups", "capset", "memfd_create"};
    for (const auto& one : cases_of_worker())
        if (one.action == SECCOMP_RET_TRAP &&
            std::ranges::find(of_the_boundary, one.call) == of_the_boundary.end())
            cases.push_back(one);
    for (const auto& machine : kMachines) {
        SCOPED_TRACE(machine.name);
        const auto program = read_program(NSUPCALL_WORKER_FILTER, machine, "kBoundaryFilter");
        EXPECT_GT(expect_all(machine, program, cases), 50);
    }
}

}  // namespace
}  // namespace nsupcall
