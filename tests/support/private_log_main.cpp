/// @file
/// Runs a helper that sees a log socket of the test's in place of the machine's, whatever the machine logs
/// with.
///
/// Usage: private_log <socket> <syslog|journal> <program> [arguments]
///
/// The program gets a mount namespace in which /dev/log (syslog) or /run/systemd/journal/socket (journal) is
/// the test's socket, and the other of the two does not exist.

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

[[noreturn]] void fail(const char* what) {
    std::perror(what);
    std::exit(1);
}

std::string held(const char* path) {
    const int fd = ::open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) fail(path);
    return "/proc/self/fd/" + std::to_string(fd);
}

void put(const std::string& source, const char* target) {
    const int file = ::open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) fail(target);
    (void)::close(file);
    if (::mount(source.c_str(), target, nullptr, MS_BIND, nullptr) != 0) fail("bind");
}

void empty(const char* folder) {
    if (::mount("tmpfs", folder, "tmpfs", MS_NOSUID, "mode=0755") != 0) fail(folder);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4) return 64;
    if (::unshare(CLONE_NEWNS) != 0) fail("unshare");
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("private");
    const std::string sink = held(argv[1]);
    const std::string null = held("/dev/null");
    empty("/dev");
    empty("/run");
    put(null, "/dev/null");
    if (std::string_view(argv[2]) == "journal") {
        if (::mkdir("/run/systemd", 0755) != 0 || ::mkdir("/run/systemd/journal", 0755) != 0) fail("mkdir");
        put(sink, "/run/systemd/journal/socket");
    } else {
        put(sink, "/dev/log");
    }
    (void)::execv(argv[3], argv + 3);
    fail(argv[3]);
}
