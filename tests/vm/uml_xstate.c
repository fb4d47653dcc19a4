/* LD_PRELOAD for user-mode Linux 6.1 on processors with AMX.
 *
 * To switch between its processes, user-mode Linux restores the vector registers with PTRACE_SETREGSET and a buffer of
 * 2696 bytes, as large as they were before AMX. The host's kernel accepts only a whole buffer (EFAULT otherwise), which
 * is 11008 bytes there, and so the first process of the guest dies. This completes the buffer: what lies beyond the
 * guest's part is the tile registers, which nothing in the guest uses. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>

enum { kHeader = 512 };                      /* xstate_bv: which components the buffer holds */
static const uint64_t kTiles = 3ULL << 17;   /* XTILECFG, XTILEDATA */

typedef long (*PtraceCall)(int, pid_t, void*, void*);

static long complete_and_set(PtraceCall call, pid_t pid, const struct iovec* part) {
    static _Alignas(64) char whole[32768];
    struct iovec all = {whole, sizeof whole};
    if (call(PTRACE_GETREGSET, pid, (void*)NT_X86_XSTATE, &all) != 0) return -1;
    if (part->iov_len >= all.iov_len || part->iov_len < kHeader + sizeof kTiles) {
        errno = EFAULT;
        return -1;
    }
    memcpy(whole, part->iov_base, part->iov_len);
    uint64_t held;
    memcpy(&held, whole + kHeader, sizeof held);
    held &= ~kTiles;
    memcpy(whole + kHeader, &held, sizeof held);
    return call(PTRACE_SETREGSET, pid, (void*)NT_X86_XSTATE, &all);
}

long ptrace(enum __ptrace_request request, ...) {
    static PtraceCall next;
    if (next == NULL) next = (PtraceCall)dlsym(RTLD_NEXT, "ptrace");
    va_list list;
    va_start(list, request);
    const pid_t pid = va_arg(list, pid_t);
    void* const address = va_arg(list, void*);
    void* const data = va_arg(list, void*);
    va_end(list);
    const long result = next((int)request, pid, address, data);
    if (result == -1 && errno == EFAULT && request == PTRACE_SETREGSET && (uintptr_t)address == NT_X86_XSTATE)
        return complete_and_set(next, pid, data);
    return result;
}
