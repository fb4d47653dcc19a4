/// @file
/// Where the kernel begins: no C library start-up, which takes longer than all the rest where CPUID leaves a
/// virtual machine. And the two functions that a compiler expects to be there.

#include <cstddef>

// A loop that copies must not become a call of the function that it makes up.
#if defined(__GNUC__) && !defined(__clang__)
#define NSUPCALL_KEEP_LOOPS __attribute__((used, optimize("no-tree-loop-distribute-patterns")))
#else
#define NSUPCALL_KEEP_LOOPS __attribute__((used))
#endif

extern "C" {

NSUPCALL_KEEP_LOOPS void* memcpy(void* to, const void* from, std::size_t size) {
    auto* out = static_cast<char*>(to);
    const auto* in = static_cast<const char*>(from);
    for (std::size_t at = 0; at < size; ++at) out[at] = in[at];
    return to;
}

NSUPCALL_KEEP_LOOPS void* memset(void* to, int value, std::size_t size) {
    auto* out = static_cast<char*>(to);
    for (std::size_t at = 0; at < size; ++at) out[at] = static_cast<char>(value);
    return to;
}

}  // extern "C"

// The stack holds argc, argv, a null word, the environment (Linux fs/binfmt_elf.c, create_elf_tables).
#if defined(__x86_64__)
asm(".globl _start\n.type _start, @function\n_start:\n  endbr64\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n"
    "  and $-16, %rsp\n  call front_main\n  hlt\n");
#elif defined(__aarch64__)
asm(".globl _start\n.type _start, @function\n_start:\n  mov x29, #0\n  mov x30, #0\n  mov x0, sp\n"
    "  bl front_main\n  brk #0\n");
#else
#error "no entry point for this architecture"
#endif
