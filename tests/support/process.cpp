#include "support/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <thread>

namespace nsupcall::test {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;
using Clock = std::chrono::steady_clock;

/// The child between fork and exec; ends in exec or exit code 127 with a word on standard error.
[[noreturn]] void exec_child(const Command& command, int output_fd) {
    // Dies with the test: a KDC must not outlive a run that was killed.
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    (void)::dup2(null, 0);
    (void)::dup2(output_fd, 1);
    (void)::dup2(output_fd, 2);
    if (command.netns_fd >= 0 && ::setns(command.netns_fd, CLONE_NEWNET) != 0) {
        ::dprintf(2, "setns: %s\n", std::strerror(errno));
        ::_exit(127);
    }
    std::vector<char*> argv;
    for (const auto& word : command.argv) argv.push_back(const_cast<char*>(word.c_str()));
    argv.push_back(nullptr);
    static char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    std::vector<char*> environment{path};
    for (const auto& word : command.environment) environment.push_back(const_cast<char*>(word.c_str()));
    environment.push_back(nullptr);
    (void)::setenv("PATH", path + 5, 1);
    (void)::execvpe(argv[0], argv.data(), environment.data());
    ::dprintf(2, "%s: %s\n", argv[0], std::strerror(errno));
    ::_exit(127);
}

int exit_code_of(int status) {
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<Finished> run_program(const Command& command) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return nsutil::fail_errno("pipe");
    UniqueFd from(ends[0]);
    UniqueFd to(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return nsutil::fail_errno("fork");
    if (child == 0) exec_child(command, to.get());
    to.reset();

    Finished finished;
    const auto end = Clock::now() + command.limit;
    bool late = false;
    char buffer[4096];
    for (;;) {
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - Clock::now()).count();
        pollfd waiting{from.get(), POLLIN, 0};
        const int ready = left > 0 ? ::poll(&waiting, 1, static_cast<int>(left)) : 0;
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) {
            late = true;
            (void)::kill(child, SIGKILL);
            break;
        }
        const ssize_t n = ::read(from.get(), buffer, sizeof buffer);
        if (n <= 0) break;
        finished.output.append(buffer, static_cast<std::size_t>(n));
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (late) return nsutil::fail(ETIMEDOUT, command.argv[0] + " was killed: " + finished.output);
    finished.exit_code = exit_code_of(status);
    return finished;
}

Result<std::string> run_checked(const Command& command) {
    auto finished = run_program(command);
    if (!finished) return std::unexpected(finished.error());
    if (finished->exit_code != 0) {
        std::string line;
        for (const auto& word : command.argv) line += word + ' ';
        return nsutil::fail(
            EIO, line + "exited with " + std::to_string(finished->exit_code) + ": " + finished->output);
    }
    return std::move(finished->output);
}

Result<Daemon> Daemon::start(const Command& command) {
    UniqueFd log(::open(command.log_file.empty() ? "/dev/null" : command.log_file.c_str(),
                        O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    if (!log) return nsutil::fail_errno("open " + command.log_file);
    const pid_t child = ::fork();
    if (child < 0) return nsutil::fail_errno("fork");
    if (child == 0) exec_child(command, log.get());
    return Daemon(child);
}

bool Daemon::alive() const {
    if (pid_ <= 0) return false;
    siginfo_t info{};
    // WNOWAIT: stop() still has to reap it.
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == 0;
}

void Daemon::stop() {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGTERM);
    const auto end = Clock::now() + std::chrono::seconds(2);
    while (alive() && Clock::now() < end) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    (void)::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

}  // namespace nsupcall::test
