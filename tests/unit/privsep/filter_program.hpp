#pragma once
/// @file
/// Generated seccomp programs, run call by call as the kernel would run them.

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/mman.h>

#include <algorithm>
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
inline Program read_program(const char* path, const Machine& machine, const std::string& name) {
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
inline std::optional<std::uint32_t> run(const Program& program, const seccomp_data& data) {
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
inline int expect_all(const Machine& machine, const Program& program, const std::vector<Case>& cases) {
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

/// What the worker's program decides.
std::vector<Case> cases_of_worker();

}  // namespace nsupcall
