#pragma once
/// @file
/// One stopped task's view of a system call. The only part of the injector that knows the machine.

#include <elf.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>

namespace nsupcall::test {

/// Of a task that stopped at the entry or the exit of a call.
class Registers {
  public:
    explicit Registers(pid_t pid) : pid_(pid) {
        iovec io = {&regs_, sizeof regs_};
        if (::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) != 0) gone_ = true;
    }
    [[nodiscard]] bool gone() const { return gone_; }
#if defined(__x86_64__)
    [[nodiscard]] long call() const { return static_cast<long>(regs_.orig_rax); }
    [[nodiscard]] unsigned long argument() const { return regs_.rdi; }
    [[nodiscard]] long result() const { return static_cast<long>(regs_.rax); }
    void skip_call() {
        regs_.orig_rax = ~0ULL;
        store();
    }
    void set_result(long value) {
        regs_.rax = static_cast<unsigned long long>(value);
        store();
    }
#elif defined(__aarch64__)
    [[nodiscard]] long call() const { return static_cast<long>(regs_.regs[8]); }
    [[nodiscard]] unsigned long argument() const { return regs_.regs[0]; }
    [[nodiscard]] long result() const { return static_cast<long>(regs_.regs[0]); }
    void skip_call() {
        int none = -1;
        iovec io = {&none, sizeof none};
        (void)::ptrace(PTRACE_SETREGSET, pid_, NT_ARM_SYSTEM_CALL, &io);
    }
    void set_result(long value) {
        regs_.regs[0] = static_cast<unsigned long long>(value);
        store();
    }
#endif

  private:
    void store() {
        iovec io = {&regs_, sizeof regs_};
        (void)::ptrace(PTRACE_SETREGSET, pid_, NT_PRSTATUS, &io);
    }
    pid_t pid_;
    user_regs_struct regs_ = {};
    bool gone_ = false;
};

}  // namespace nsupcall::test
