/// @file
/// Runs a helper under ptrace(2) and makes one system call of it fail, or ends a process at it.
///
/// Usage: inject --plan=FILE <helper> <argument>...
///
/// FILE holds one line: `<role> <n> <fault>`. Role is `broker` (the helper itself) or `worker` (what it
/// forks); n counts that role's system calls from 1 on, 0 for none; fault is `kill`, an errno, or `old`,
/// which lets every call fail with ENOSYS that came after Linux 5.0. What happened is written beside it, to
/// FILE.out:
/// `<calls of the broker> <calls of the worker> <number of the call, -1> <first call of main> <answered>
/// <worker left>`. A program, so that request-key can run it; a tracer of its own, since strace counts calls
/// of all processes as one and costs ten times as much.

#include <elf.h>
#include <linux/keyctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <string>

namespace {

constexpr int kBrokenSetup = 99;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(kBrokenSetup);
}

/// One stopped task's view of a system call. The only part that knows the machine.
class Registers {
  public:
    explicit Registers(pid_t pid) : pid_(pid) {
        iovec io = {&regs_, sizeof regs_};
        if (::ptrace(PTRACE_GETREGSET, pid, NT_PRSTATUS, &io) != 0) gone_ = true;
    }
    [[nodiscard]] bool gone() const { return gone_; }
#if defined(__x86_64__)
    [[nodiscard]] long call() const {
        return static_cast<long>(regs_.orig_rax);
    }
    [[nodiscard]] unsigned long argument() const {
        return regs_.rdi;
    }
    [[nodiscard]] long result() const {
        return static_cast<long>(regs_.rax);
    }
    void skip_call() {
        regs_.orig_rax = ~0ULL;
        store();
    }
    void set_result(long value) {
        regs_.rax = static_cast<unsigned long long>(value);
        store();
    }
#elif defined(__aarch64__)
    [[nodiscard]] long call() const {
        return static_cast<long>(regs_.regs[8]);
    }
    [[nodiscard]] unsigned long argument() const {
        return regs_.regs[0];
    }
    [[nodiscard]] long result() const {
        return static_cast<long>(regs_.regs[0]);
    }
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

struct Plan {
    bool of_worker = false;
    long at = 0;
    bool kill = false, old_kernel = false;
    int error = 0;

    static Plan read(const std::string& path) {
        std::ifstream file(path);
        std::string role, fault;
        Plan plan;
        if (!(file >> role >> plan.at >> fault)) die("plan");
        plan.of_worker = role == "worker";
        plan.kill = fault == "kill";
        plan.old_kernel = fault == "old";
        if (!plan.kill && !plan.old_kernel) plan.error = std::atoi(fault.c_str());
        return plan;
    }
};

/// Calls that Linux 5.0 (and an administrator's seccomp profile made for it) does not know.
bool is_young(long call) {
    switch (call) {
        case SYS_pidfd_send_signal:
        case SYS_pidfd_open:
        case SYS_pidfd_getfd:
        case SYS_clone3:
        case SYS_close_range:
        case SYS_openat2:
        case SYS_faccessat2:
        case SYS_landlock_create_ruleset:
        case SYS_landlock_add_rule:
        case SYS_landlock_restrict_self:
            return true;
        default:
            return false;
    }
}

/// setns(2) takes a pidfd since Linux 5.8.
bool is_pidfd(pid_t pid, unsigned long fd) {
    char target[64] = {};
    const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(fd));
    return ::readlink(link.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "pidfd") != nullptr;
}

struct Task {
    bool worker = false;
    bool inside = false;  ///< between entry and exit of a call
    bool faulted = false;
    bool answering = false;
};

class Tracer {
  public:
    Tracer(Plan plan, pid_t broker) : plan_(plan), broker_(broker) { tasks_[broker] = {}; }

    /// Until the broker is gone, and the worker too or a grace period has passed.
    void run() {
        while (!tasks_.empty()) {
            int status = 0;
            const pid_t pid = wait_for_one(status);
            if (pid == 0) return;
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (pid == broker_) {
                    broker_gone_ = true;
                    grace_end_ = std::chrono::steady_clock::now() + kGrace;
                }
                tasks_.erase(pid);
                continue;
            }
            on_stop(pid, status);
        }
    }

    void report(const std::string& path) const {
        std::ofstream file(path);
        file << calls_[0] << ' ' << calls_[1] << ' ' << hit_ << ' ' << first_of_main_ << ' ' << answered_
             << ' ' << tasks_.size() << '\n';
    }

  private:
    static constexpr auto kGrace = std::chrono::milliseconds(500);

    /// @return 0 when the grace period has passed
    pid_t wait_for_one(int& status) const {
        for (;;) {
            const pid_t pid = ::waitpid(-1, &status, __WALL | (broker_gone_ ? WNOHANG : 0));
            if (pid > 0) return pid;
            if (pid < 0 && errno == ECHILD) return 0;
            if (pid < 0 && errno != EINTR) die("waitpid");
            if (broker_gone_) {
                if (std::chrono::steady_clock::now() > grace_end_) return 0;
                (void)::usleep(500);
            }
        }
    }

    void on_stop(pid_t pid, int status) {
        const bool is_new = !tasks_.contains(pid);
        auto& task = tasks_[pid];
        if (is_new) task.worker = true;
        const int signal = WSTOPSIG(status);
        int deliver = 0;
        if (signal == (SIGTRAP | 0x80))
            task.inside ? on_exit(pid, task) : on_entry(pid, task);
        else if (status >> 16 == 0 && !(is_new && signal == SIGSTOP) && signal != SIGTRAP)
            deliver = signal;
        (void)::ptrace(PTRACE_SYSCALL, pid, nullptr, deliver);
    }

    void on_entry(pid_t pid, Task& task) {
        Registers registers(pid);
        if (registers.gone()) return;
        task.inside = true;
        const long number = ++calls_[task.worker ? 1 : 0];
        const long call = registers.call();
        // The first thing that main() does; before it the loader fails on its own account.
        if (!task.worker && first_of_main_ == 0 && saw_loader_end_ && call == SYS_openat)
            first_of_main_ = number;
        if (call == SYS_munmap) saw_loader_end_ = true;
        const auto operation = registers.argument();
        task.answering =
            call == SYS_keyctl && (operation == KEYCTL_INSTANTIATE || operation == KEYCTL_REJECT);
        const bool here = plan_.at != 0 && task.worker == plan_.of_worker && number == plan_.at;
        if (here) hit_ = call;
        if (here && plan_.kill) {
            (void)::kill(pid, SIGKILL);
        } else if ((here && plan_.error != 0) ||
                   (plan_.old_kernel &&
                    (is_young(call) || (call == SYS_setns && is_pidfd(pid, operation))))) {
            task.faulted = true;
            registers.skip_call();
        }
    }

    void on_exit(pid_t pid, Task& task) {
        task.inside = false;
        Registers registers(pid);
        if (registers.gone()) return;
        if (task.faulted)
            registers.set_result(-(plan_.old_kernel ? ENOSYS : plan_.error));
        else if (task.answering && registers.result() >= 0)
            ++answered_;
        task.faulted = false;
    }

    Plan plan_;
    pid_t broker_;
    std::map<pid_t, Task> tasks_;
    long calls_[2] = {};
    long hit_ = -1, first_of_main_ = 0;
    int answered_ = 0;
    bool saw_loader_end_ = false, broker_gone_ = false;
    std::chrono::steady_clock::time_point grace_end_;
};

}  // namespace

int main(int argc, char** argv) {
    constexpr std::size_t kPrefix = sizeof "--plan=" - 1;
    if (argc < 3 || std::strncmp(argv[1], "--plan=", kPrefix) != 0) return kBrokenSetup;
    const std::string path = argv[1] + kPrefix;
    const Plan plan = Plan::read(path);
    const pid_t helper = ::fork();
    if (helper < 0) die("fork");
    if (helper == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) die("ptrace");
        (void)::raise(SIGSTOP);
        ::execv(argv[2], argv + 2);
        die("execv");
    }
    int status = 0;
    if (::waitpid(helper, &status, 0) != helper) die("waitpid");
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                              PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, helper, nullptr, kOptions) != 0) die("ptrace options");
    (void)::ptrace(PTRACE_SYSCALL, helper, nullptr, 0);
    Tracer tracer(plan, helper);
    tracer.run();
    tracer.report(path + ".out");
    return 0;
}
