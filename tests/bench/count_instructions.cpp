/// @file
/// Counts the instructions that a helper executes from its entry point on, broker and worker apart: a figure
/// that no other load on the machine changes.
///
/// count_instructions REPORT HELPER ARGUMENTS...: appends "<broker> <worker>\n" to REPORT. It steps through
/// the program with ptrace(2), which, unlike valgrind, also gets through a worker that may not have
/// executable memory.

#include <elf.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>

namespace {

/// AT_ENTRY: where the program itself begins, after the dynamic linker has done its work.
std::optional<unsigned long> entry_of(pid_t pid) {
    const std::string path = "/proc/" + std::to_string(pid) + "/auxv";
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return std::nullopt;
    Elf64_auxv_t entry = {};
    std::optional<unsigned long> found;
    while (!found && ::read(fd, &entry, sizeof entry) == static_cast<ssize_t>(sizeof entry))
        if (entry.a_type == AT_ENTRY) found = entry.a_un.a_val;
    (void)::close(fd);
    return found;
}

void* word(unsigned long value) {
    return reinterpret_cast<void*>(value);
}

/// Lets the dynamic linker run at full speed, where this knows how a breakpoint looks.
void run_to_entry(pid_t pid) {
#if defined(__x86_64__)
    const auto entry = entry_of(pid);
    if (!entry) return;
    errno = 0;
    const long code = ::ptrace(PTRACE_PEEKTEXT, pid, word(*entry), nullptr);
    if (errno != 0) return;
    const unsigned long trap = (static_cast<unsigned long>(code) & ~0xffUL) | 0xccU;
    (void)::ptrace(PTRACE_POKETEXT, pid, word(*entry), word(trap));
    (void)::ptrace(PTRACE_CONT, pid, nullptr, nullptr);
    int status = 0;
    (void)::waitpid(pid, &status, 0);
    (void)::ptrace(PTRACE_POKETEXT, pid, word(*entry), word(static_cast<unsigned long>(code)));
    user_regs_struct registers = {};
    (void)::ptrace(PTRACE_GETREGS, pid, nullptr, &registers);
    registers.rip = *entry;
    (void)::ptrace(PTRACE_SETREGS, pid, nullptr, &registers);
#else
    (void)pid;
#endif
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const pid_t broker = ::fork();
    if (broker == 0) {
        (void)::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
        char* none[] = {nullptr};
        ::execve(argv[2], argv + 2, none);
        ::_exit(127);
    }
    int status = 0;
    if (broker < 0 || ::waitpid(broker, &status, 0) != broker || !WIFSTOPPED(status)) return 2;
    constexpr unsigned long kOptions = PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL;
    if (::ptrace(PTRACE_SETOPTIONS, broker, nullptr, word(kOptions)) != 0) return 2;
    run_to_entry(broker);

    std::map<pid_t, std::uint64_t> counts{{broker, 0}};
    (void)::ptrace(PTRACE_SINGLESTEP, broker, nullptr, nullptr);
    int broker_status = 0;
    for (std::size_t alive = 1; alive > 0;) {
        const pid_t pid = ::waitpid(-1, &status, __WALL);
        if (pid < 0) break;
        if (!WIFSTOPPED(status)) {
            if (pid == broker) broker_status = status;
            --alive;
            continue;
        }
        const auto [at, is_new] = counts.try_emplace(pid, 0);
        if (is_new) ++alive;
        const int signal = WSTOPSIG(status);
        // A new child begins with a SIGSTOP that is the tracer's, not its own.
        const bool own_signal = signal != SIGTRAP && !(is_new && signal == SIGSTOP);
        if (signal == SIGTRAP) ++at->second;
        (void)::ptrace(PTRACE_SINGLESTEP, pid, nullptr,
                       word(own_signal ? static_cast<unsigned long>(signal) : 0));
    }
    std::uint64_t workers = 0;
    for (const auto& [pid, count] : counts)
        if (pid != broker) workers += count;
    std::FILE* report = std::fopen(argv[1], "ae");
    if (report == nullptr) return 2;
    std::fprintf(report, "%llu %llu\n", static_cast<unsigned long long>(counts[broker]),
                 static_cast<unsigned long long>(workers));
    (void)std::fclose(report);
    return WIFEXITED(broker_status) ? WEXITSTATUS(broker_status) : 1;
}
