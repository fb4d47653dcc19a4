#pragma once
/// @file
/// Small seccomp programs for tests.

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nsupcall::test {

/// A program that answers system call `call` with `error` and allows every other one.
inline std::vector<sock_filter> deny(int call, int error) {
    return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

/// A program that answers `call` with `error` where its third argument has one of the bits in `mask`.
inline std::vector<sock_filter> deny_bits_of_third(int call, std::uint32_t mask, int error) {
    return {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3),
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),  // low half, little-endian
            BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, mask, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
}

}  // namespace nsupcall::test
