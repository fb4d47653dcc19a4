/// @file
/// Runs a helper, or an engine, under ptrace(2) and makes one system call of it fail, or ends a process at
/// it.
///
/// Usage: inject --plan=FILE <helper> <argument>...
///        inject --plan=FILE --engine <engine> <argument>...
///
/// FILE holds the plan (plan.hpp); what happened is written beside it, to FILE.out. The broker is the helper
/// itself, and the worker what it forks. Of an engine the broker is the servant that has accepted a
/// connection, until it waits for the next, and the worker the one that it had met by then; their calls count
/// from then on. The plan is read anew for each, and only one may be under way at a time. With a plan for an
/// old kernel the engine itself lives on that kernel.
///
/// A program, so that request-key can run it; a tracer of its own, since strace counts calls of all processes
/// as one and costs ten times as much.

#include <linux/keyctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <utility>

#include "plan.hpp"
#include "registers.hpp"

namespace nsupcall::test {
namespace {

constexpr int kBrokenSetup = 99;

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(kBrokenSetup);
}

/// setns(2) takes a pidfd since Linux 5.8.
bool is_pidfd(pid_t pid, unsigned long fd) {
    char target[64] = {};
    const auto link = "/proc/" + std::to_string(pid) + "/fd/" + std::to_string(static_cast<int>(fd));
    return ::readlink(link.c_str(), target, sizeof target - 1) > 0 && std::strstr(target, "pidfd") != nullptr;
}

/// Servants and workers call themselves that.
bool is_worker(pid_t pid) {
    std::ifstream comm("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(comm, name);
    return name == "worker";
}

/// Who is at the other end of the socket `fd` of process `pid`.
pid_t peer_of(pid_t pid, int fd) {
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    const int copy = static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd, fd, 0));
    ucred peer = {};
    socklen_t size = sizeof peer;
    if (::getsockopt(copy, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) die("peer of a worker");
    (void)::close(copy);
    (void)::close(pidfd);
    return peer.pid;
}

enum class Role : std::uint8_t { engine, idle, waiting, broker, worker };

struct Task {
    Role role = Role::worker;
    bool inside = false;  ///< between entry and exit of a call
    bool faulted = false;
    bool answering = false, makes_keyring = false;
    long call = -1;
    std::uint32_t keyring = 0;  ///< that a worker has made while it waited
    pid_t owner = 0;            ///< the servant that has met a worker
};

class Tracer {
  public:
    Tracer(std::string plan_path, pid_t root, bool of_engine)
        : plan_path_(std::move(plan_path)), root_(root), of_engine_(of_engine) {
        if (!plan_.read(plan_path_)) die("plan");
        tasks_[root].role = of_engine ? Role::engine : Role::broker;
        broker_ = of_engine ? -1 : root;
    }

    /// Until the root is gone; of a helper until its worker is gone too, or a grace period has passed.
    void run() {
        while (!tasks_.empty()) {
            int status = 0;
            const pid_t pid = wait_for_one(status);
            if (pid == 0) {
                tell();
                if (!of_engine_) return;
                continue;
            }
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                on_end(pid);
                if (of_engine_ && pid == root_) return;
                continue;
            }
            on_stop(pid, status);
        }
        if (!of_engine_) tell();
    }

  private:
    using Clock = std::chrono::steady_clock;
    /// An engine ends within two seconds what does not end by itself.
    [[nodiscard]] std::chrono::milliseconds grace() const {
        return std::chrono::milliseconds(of_engine_ ? 3000 : 500);
    }

    [[nodiscard]] int under_way() const {
        int count = 0;
        for (const auto& [pid, task] : tasks_)
            count += task.role == Role::broker || task.role == Role::worker ? 1 : 0;
        return count;
    }

    /// @return 0 when the grace period has passed
    pid_t wait_for_one(int& status) const {
        for (;;) {
            const pid_t pid = ::waitpid(-1, &status, __WALL | (broker_gone_ ? WNOHANG : 0));
            if (pid > 0) return pid;
            if (pid < 0 && errno == ECHILD) return 0;
            if (pid < 0 && errno != EINTR) die("waitpid");
            if (broker_gone_) {
                if (Clock::now() > grace_end_) return 0;
                (void)::usleep(500);
            }
        }
    }

    void on_end(pid_t pid) {
        tasks_.erase(pid);
        if (pid == broker_) {
            broker_gone_ = true;
            grace_end_ = Clock::now() + grace();
        }
        if (of_engine_ && broker_gone_ && under_way() == 0) tell();
    }

    /// The upcall is over.
    void tell() {
        outcome_.left = under_way();
        outcome_.write(plan_path_ + ".out");
        broker_gone_ = false;
        broker_ = -1;
    }

    void on_stop(pid_t pid, int status) {
        const bool is_new = !tasks_.contains(pid);
        auto& task = tasks_[pid];
        if (is_new) task.role = of_engine_ ? Role::idle : Role::worker;
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
        task.call = registers.call();
        const auto operation = registers.argument();
        task.makes_keyring = task.call == SYS_keyctl && operation == KEYCTL_JOIN_SESSION_KEYRING;
        if (of_engine_ && task.role == Role::broker && task.call == SYS_accept4) finish(task);
        if (task.role == Role::broker || task.role == Role::worker) count(pid, task, operation, registers);
        if (plan_.old_kernel &&
            (is_young(task.call) || (task.call == SYS_setns && is_pidfd(pid, operation)))) {
            task.faulted = true;
            outcome_.hit = task.call;
            registers.skip_call();
        }
    }

    /// A call of the upcall.
    void count(pid_t pid, Task& task, unsigned long operation, Registers& registers) {
        const bool of_worker = task.role == Role::worker;
        if (of_worker && task.keyring != 0) outcome_.keyrings.insert(std::exchange(task.keyring, 0));
        const long number = of_worker ? ++outcome_.worker_calls : ++outcome_.broker_calls;
        // The first thing that main() does; before it the loader fails on its own account.
        if (!of_worker && outcome_.first_of_main == 0 && saw_loader_end_ && task.call == SYS_openat)
            outcome_.first_of_main = number;
        if (task.call == SYS_munmap) saw_loader_end_ = true;
        task.answering =
            task.call == SYS_keyctl && (operation == KEYCTL_INSTANTIATE || operation == KEYCTL_REJECT);
        if (plan_.at == 0 || of_worker != plan_.of_worker || number != plan_.at) return;
        outcome_.hit = task.call;
        if (plan_.kill) {
            (void)::kill(pid, SIGKILL);
        } else {
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
            ++outcome_.answered;
        else if (task.makes_keyring && registers.result() > 0)
            take_keyring(task, static_cast<std::uint32_t>(registers.result()));
        else if (task.role == Role::idle && task.call == SYS_accept4 && registers.result() >= 0)
            on_accept(pid, task, static_cast<int>(registers.result()));
        task.faulted = task.answering = task.makes_keyring = false;
    }

    void take_keyring(Task& task, std::uint32_t serial) {
        if (task.role == Role::idle || task.role == Role::waiting)
            task.keyring = serial;
        else if (task.role == Role::broker || task.role == Role::worker)
            outcome_.keyrings.insert(serial);
    }

    void on_accept(pid_t pid, Task& task, int fd) {
        if (!is_worker(pid)) return begin(pid, task);
        task.role = Role::waiting;
        task.owner = peer_of(pid, fd);
    }

    /// A servant waits for the next connection.
    void finish(Task& task) {
        task.role = Role::idle;
        // One that has got no task is there for the next.
        for (auto& [other, one] : tasks_)
            if (one.role == Role::worker && outcome_.worker_calls == 0) one.role = Role::waiting;
        broker_gone_ = true;
        grace_end_ = Clock::now() + grace();
        if (under_way() == 0) tell();
    }

    /// A servant got a connection.
    void begin(pid_t pid, Task& task) {
        task.role = Role::broker;
        broker_ = pid;
        const bool was_old = plan_.old_kernel;
        outcome_ = {};
        plan_ = {};
        if (!plan_.read(plan_path_)) die("plan");
        plan_.old_kernel |= was_old;
        for (auto& [other, one] : tasks_)
            if (one.role == Role::waiting && one.owner == pid) one.role = Role::worker;
    }

    std::string plan_path_;
    Plan plan_{};
    pid_t root_, broker_ = -1;
    bool of_engine_;
    std::map<pid_t, Task> tasks_{};
    Outcome outcome_{};
    bool saw_loader_end_ = false, broker_gone_ = false;
    Clock::time_point grace_end_{};
};

int run(int argc, char** argv) {
    constexpr std::size_t kPrefix = sizeof "--plan=" - 1;
    if (argc < 3 || std::strncmp(argv[1], "--plan=", kPrefix) != 0) return kBrokenSetup;
    const bool of_engine = std::strcmp(argv[2], "--engine") == 0;
    char** const program = argv + (of_engine ? 3 : 2);
    const pid_t root = ::fork();
    if (root < 0) die("fork");
    if (root == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) die("ptrace");
        (void)::raise(SIGSTOP);
        ::execv(program[0], program);
        die("execv");
    }
    int status = 0;
    if (::waitpid(root, &status, 0) != root) die("waitpid");
    constexpr long kOptions = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                              PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, root, nullptr, kOptions) != 0) die("ptrace options");
    (void)::ptrace(PTRACE_SYSCALL, root, nullptr, 0);
    Tracer(argv[1] + kPrefix, root, of_engine).run();
    return 0;
}

}  // namespace
}  // namespace nsupcall::test

int main(int argc, char** argv) {
    return nsupcall::test::run(argc, argv);
}
