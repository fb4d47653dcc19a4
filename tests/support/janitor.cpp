#include "support/janitor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <charconv>
#include <set>
#include <string>
#include <system_error>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using nsutil::Result;
using nsutil::UniqueFd;

void take_line(const std::string& line, std::set<std::string>& paths) {
    if (line.size() < 2) return;
    if (line[0] == '+') paths.insert(line.substr(1));
    if (line[0] == '-') paths.erase(line.substr(1));
}

/// The janitor itself: lines "+path" and "-path" until the writer is gone.
[[noreturn]] void janitor_main(int in) {
    // Ctrl-C reaches the whole foreground group, and the janitor is needed then most.
    (void)::setsid();
    for (const int sig : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) (void)::signal(sig, SIG_IGN);
    (void)::prctl(PR_SET_NAME, "test-janitor");
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; fd < 3; ++fd) (void)::dup2(null, fd);
    (void)::dup2(in, 3);
    (void)::close_range(4, ~0U, 0);
    if (::chdir("/") != 0) ::_exit(1);

    std::set<std::string> paths;
    std::string pending;
    char buffer[4096];
    for (;;) {
        const ssize_t n = ::read(3, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        pending.append(buffer, static_cast<std::size_t>(n));
        for (std::size_t end; (end = pending.find('\n')) != std::string::npos; pending.erase(0, end + 1)) {
            take_line(pending.substr(0, end), paths);
        }
    }
    for (const auto& path : paths) {
        std::error_code ignored;
        fs::remove_all(path, ignored);
    }
    ::_exit(0);
}

/// The pipe to this process's janitor, which is started when first asked for.
Result<int> janitor_pipe() {
    static UniqueFd to_janitor;
    static pid_t owner = 0;
    if (to_janitor && owner == ::getpid()) return to_janitor.get();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return nsutil::fail_errno("pipe for the janitor");
    UniqueFd from_test(ends[0]);
    UniqueFd to(ends[1]);
    const pid_t child = ::fork();
    if (child < 0) return nsutil::fail_errno("fork the janitor");
    if (child == 0) {
        to.reset();
        janitor_main(from_test.get());
    }
    to_janitor = std::move(to);
    owner = ::getpid();
    return to_janitor.get();
}

Result<void> tell(char sign, const fs::path& path) {
    const auto pipe = janitor_pipe();
    if (!pipe) return std::unexpected(pipe.error());
    const std::string line = sign + path.string() + '\n';
    // A line is far below PIPE_BUF, so it is written whole.
    if (::write(*pipe, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
        return nsutil::fail_errno("write to the janitor");
    }
    return {};
}

}  // namespace

Result<void> remember_path(const fs::path& path) {
    return tell('+', path);
}

void forget_path(const fs::path& path) {
    (void)tell('-', path);
}

void sweep_stale(const fs::path& folder, std::string_view prefix) {
    std::error_code failed;
    for (const auto& entry : fs::directory_iterator(folder, failed)) {
        const std::string name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        pid_t pid = 0;
        const char* digits = name.data() + prefix.size();
        const auto [end, error] = std::from_chars(digits, name.data() + name.size(), pid);
        if (error != std::errc() || end == name.data() + name.size() || *end != '-' || pid <= 0) continue;
        if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
        std::error_code ignored;
        fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace nsupcall::test
