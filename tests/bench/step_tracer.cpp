/// @file
/// Counts what a program and everything that it forks executes: instructions, system calls, or nanoseconds on
/// a processor.
///
///   step_tracer calls|instructions|nanoseconds REPORT run PROGRAM ARGUMENT...
///   step_tracer calls|instructions|nanoseconds REPORT attach PID...
///
/// valgrind needs executable memory, which a worker may not have, and performance counters are missing in
/// many virtual machines; a processor's single steps are always there. REPORT gets "traced" once it is under
/// way, and in the end a line for each process:
/// `<sealed|open> <count> <of these in its own program file> <KiB>`; "sealed" is one behind the boundary,
/// KiB its proportional set size when it ends.
///
/// Instructions are counted from the program's entry point on, after the dynamic linker. A string instruction
/// that repeats counts once, however long the string. System calls are counted from execve on. Nanoseconds
/// are those of a process' whole life (/proc/<pid>/schedstat), until its exit begins.

#include <elf.h>
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "bench/plain_processor.hpp"

namespace {

constexpr int kBroken = 99;
#if defined(__x86_64__)
constexpr bool kCanStep = true;
#else
constexpr bool kCanStep = false;
#endif

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(kBroken);
}

std::string proc_path(pid_t pid, const char* name) {
    return "/proc/" + std::to_string(pid) + "/" + name;
}

struct Range {
    std::uint64_t begin = 0, end = 0;
    [[nodiscard]] bool holds(std::uint64_t at) const { return at >= begin && at < end; }
};

/// Where the code of the process' own program file is mapped.
Range own_code(pid_t pid) {
    std::error_code failed;
    char name[4096] = {};
    if (::readlink(proc_path(pid, "exe").c_str(), name, sizeof name - 1) < 0) return {};
    std::ifstream maps(proc_path(pid, "maps"));
    for (std::string line; std::getline(maps, line);) {
        std::istringstream words(line);
        std::string range, mode, offset, device, inode, file;
        words >> range >> mode >> offset >> device >> inode >> file;
        if (file != name || mode.find('x') == std::string::npos) continue;
        const auto dash = range.find('-');
        return {std::stoull(range.substr(0, dash), nullptr, 16),
                std::stoull(range.substr(dash + 1), nullptr, 16)};
    }
    return {};
}

std::uint64_t entry_point(pid_t pid) {
    std::ifstream vector(proc_path(pid, "auxv"), std::ios::binary);
    std::uint64_t pair[2];
    while (vector.read(reinterpret_cast<char*>(pair), sizeof pair))
        if (pair[0] == AT_ENTRY) return pair[1];
    return 0;
}

std::uint64_t proportional_kib(pid_t pid) {
    std::ifstream rollup(proc_path(pid, "smaps_rollup"));
    std::uint64_t kib = 0;
    for (std::string word; rollup >> word;)
        if (word == "Pss:" && rollup >> kib) break;
    return kib;
}

/// A worker that waits has a seccomp program, too, but not what only the boundary sets.
bool is_sealed(pid_t pid) {
    std::ifstream status(proc_path(pid, "status"));
    for (std::string line; std::getline(status, line);)
        if (line == "NoNewPrivs:\t1") return true;
    return false;
}

struct Tracee {
    std::uint64_t count = 0, own = 0;
    std::uint64_t last = 0;  ///< instruction pointer of the step before
    Range code;
    long word_at_entry = 0;   ///< what the breakpoint replaced
    std::uint64_t entry = 0;  ///< of a program that is on its way there; else 0
    std::uint64_t kib = 0;
    bool sealed = false;
};

/// At real-time priority: otherwise everybody else on the machine has a turn between two steps, and nobody in
/// an upcall waits as long as that.
void hurry(pid_t pid) {
    constexpr int kPriority = 10;
    const sched_param parameter = {.sched_priority = kPriority};
    (void)::sched_setscheduler(pid, SCHED_FIFO, &parameter);
}

std::uint64_t nanoseconds(pid_t pid) {
    std::ifstream statistics(proc_path(pid, "schedstat"));
    std::uint64_t on_processor = 0;
    statistics >> on_processor;
    return on_processor;
}

enum class Unit : std::uint8_t { calls, instructions, nanoseconds };

class Tracer {
  public:
    explicit Tracer(Unit unit) : unit_(unit) {}

    pid_t run(char** argv) {
        int ends[2];
        if (::pipe(ends) != 0) die("pipe");
        const pid_t pid = ::fork();
        if (pid < 0) die("fork");
        if (pid == 0) {
            char go = 0;
            (void)::close(ends[1]);
            if (::read(ends[0], &go, 1) != 1) std::_Exit(kBroken);
            (void)::close(ends[0]);
            (void)::putenv(const_cast<char*>(nsupcall::bench::kPlainProcessor));
            (void)::execv(argv[0], argv);
            die("execv");
        }
        seize(pid);
        tracees_[pid];
        (void)!::write(ends[1], "", 1);
        (void)::close(ends[0]);
        (void)::close(ends[1]);
        return pid;
    }

    void attach(pid_t pid, const cpu_set_t& where) {
        // On the tracer's own processor: to wake another one takes longer than ten steps.
        (void)::sched_setaffinity(pid, sizeof where, &where);
        hurry(pid);
        seize(pid);
        if (::ptrace(PTRACE_INTERRUPT, pid, nullptr, nullptr) != 0) die("interrupt");
        tracees_[pid].code = own_code(pid);
    }

    /// @return the exit status of `first`
    int follow(pid_t first) {
        int result = 0, status = 0;
        while (!tracees_.empty()) {
            const pid_t pid = ::waitpid(-1, &status, __WALL);
            if (pid < 0 && errno == EINTR) continue;
            if (pid < 0) break;
            if (WIFEXITED(status) || WIFSIGNALED(status)) {
                if (pid == first) result = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
                finished_.push_back(tracees_[pid]);
                tracees_.erase(pid);
                continue;
            }
            stopped(pid, tracees_[pid], status);
        }
        return result;
    }

    void write_report(const char* path) const {
        std::ofstream report(path, std::ios::app);
        for (const auto& one : finished_)
            report << (one.sealed ? "sealed " : "open ") << one.count << ' ' << one.own << ' ' << one.kib
                   << '\n';
    }

  private:
    static void seize(pid_t pid) {
        constexpr long kOptions = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
                                  PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD;
        if (::ptrace(PTRACE_SEIZE, pid, nullptr, kOptions) != 0) die("seize");
    }

    void resume(pid_t pid, int signal = 0) const {
        const auto request = unit_ == Unit::instructions ? PTRACE_SINGLESTEP
                             : unit_ == Unit::calls      ? PTRACE_SYSCALL
                                                         : PTRACE_CONT;
        (void)::ptrace(request, pid, nullptr, signal);
    }

    void stopped(pid_t pid, Tracee& tracee, int status) {
        const int signal = WSTOPSIG(status), event = status >> 16;
        if (event == PTRACE_EVENT_EXIT) {
            if (unit_ == Unit::nanoseconds) tracee.count = nanoseconds(pid);
            tracee.sealed = is_sealed(pid);
            tracee.kib = proportional_kib(pid);
            return resume(pid);
        }
        if (event == PTRACE_EVENT_EXEC) return began(pid, tracee);
        if (event != 0) {
            // A new child's first stop, or its parent's word of it.
            if (tracee.code.end == 0) tracee.code = own_code(pid);
            return resume(pid);
        }
        if (signal == (SIGTRAP | 0x80)) {
            __ptrace_syscall_info info = {};
            (void)::ptrace(static_cast<__ptrace_request>(PTRACE_GET_SYSCALL_INFO), pid, sizeof info, &info);
            if (info.op == PTRACE_SYSCALL_INFO_ENTRY) ++tracee.count;
            return resume(pid);
        }
        if (signal != SIGTRAP) return resume(pid, signal);
        if (tracee.entry != 0) return reached_entry(pid, tracee);
        step(pid, tracee);
        resume(pid);
    }

#if defined(__x86_64__)
    static std::uint64_t instruction_pointer(pid_t pid) {
        return static_cast<std::uint64_t>(
            ::ptrace(PTRACE_PEEKUSER, pid, offsetof(user_regs_struct, rip), nullptr));
    }

    /// A new program: lets the dynamic linker run until the program's own first instruction.
    void began(pid_t pid, Tracee& tracee) const {
        tracee = {};
        tracee.code = own_code(pid);
        if (unit_ != Unit::instructions) return resume(pid);
        tracee.entry = entry_point(pid);
        constexpr long kBreakpoint = 0xcc, kByte = 0xff;
        errno = 0;
        tracee.word_at_entry = ::ptrace(PTRACE_PEEKTEXT, pid, tracee.entry, nullptr);
        if (errno != 0) die("entry point");
        if (::ptrace(PTRACE_POKETEXT, pid, tracee.entry, (tracee.word_at_entry & ~kByte) | kBreakpoint) != 0)
            die("breakpoint");
        (void)::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
    }

    void reached_entry(pid_t pid, Tracee& tracee) const {
        if (instruction_pointer(pid) != tracee.entry + 1) return resume(pid, SIGTRAP);
        (void)::ptrace(PTRACE_POKETEXT, pid, tracee.entry, tracee.word_at_entry);
        (void)::ptrace(PTRACE_POKEUSER, pid, offsetof(user_regs_struct, rip), tracee.entry);
        tracee.last = tracee.entry;
        tracee.entry = 0;
        resume(pid);
    }

    static void step(pid_t pid, Tracee& tracee) {
        const auto at = instruction_pointer(pid);
        if (at == tracee.last) return;  // rep movsb: the same instruction once more
        tracee.last = at;
        ++tracee.count;
        if (tracee.code.holds(at)) ++tracee.own;
    }
#else
    void began(pid_t pid, Tracee& tracee) const {
        tracee = {};
        resume(pid);
    }
    void reached_entry(pid_t pid, Tracee&) const { resume(pid); }
    static void step(pid_t, Tracee&) {}
#endif

    Unit unit_;
    std::map<pid_t, Tracee> tracees_;
    std::vector<Tracee> finished_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fputs(
            "usage: step_tracer calls|instructions|nanoseconds REPORT run PROGRAM ARGUMENT... | attach "
            "PID...\n",
            stderr);
        return 2;
    }
    const std::string name = argv[1];
    const auto unit = name == "instructions" ? Unit::instructions
                      : name == "calls"      ? Unit::calls
                                             : Unit::nanoseconds;
    if (unit == Unit::instructions && !kCanStep) return 77;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &here);
    (void)::sched_setaffinity(0, sizeof here, &here);
    hurry(0);
    Tracer tracer(unit);
    pid_t first = 0;
    if (std::string(argv[3]) == "run")
        first = tracer.run(argv + 4);
    else
        for (int at = 4; at < argc; ++at) tracer.attach(std::atoi(argv[at]), here);
    std::ofstream(argv[2], std::ios::app) << "traced\n" << std::flush;
    const int status = tracer.follow(first);
    tracer.write_report(argv[2]);
    return status;
}
