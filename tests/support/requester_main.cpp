/// @file
/// The process that the kernel asks for: it says that it is there, and waits to be told to end.
///
/// Usage: requester <leader|thread|thread-own-mounts|thread-leader-exited>, with a SOCK_SEQPACKET socket on
/// fd 3. Sends "R" once the task in question exists, and ends when the other side closes.

#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace {

constexpr int kControl = 3;
std::string_view mode;

void report(const char* text) {
    (void)::send(kControl, text, std::strlen(text), MSG_NOSIGNAL);
}

void fail(const char* what) {
    char text[200];
    (void)std::snprintf(text, sizeof text, "Erequester: %s: %s", what, std::strerror(errno));
    report(text);
    ::_exit(1);
}

[[noreturn]] void stay() {
    char byte = 0;
    while (::recv(kControl, &byte, 1, 0) > 0) {
    }
    ::_exit(0);
}

/// Waits until the leader's state in /proc is Z, two seconds at most.
void await_zombie_leader() {
    for (int i = 0; i < 2000; ++i) {
        char text[512] = {};
        FILE* stat = std::fopen("/proc/self/stat", "re");
        if (stat == nullptr) fail("open /proc/self/stat");
        const std::size_t size = std::fread(text, 1, sizeof text - 1, stat);
        (void)std::fclose(stat);
        if (size > 0 && std::strstr(text, ") Z ") != nullptr) return;
        ::usleep(1000);
    }
    errno = ETIMEDOUT;
    fail("wait for the leader to end");
}

void* thread_main(void*) {
    if (mode == "thread-own-mounts") {
        // A mount namespace of one thread alone: possible once it no longer shares its root and cwd.
        if (::unshare(CLONE_FS | CLONE_NEWNS) != 0) fail("unshare");
        if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("make mounts private");
        if (::mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0) fail("mount /tmp");
    }
    if (mode == "thread-leader-exited") await_zombie_leader();
    report("R");
    stay();
}

}  // namespace

int main(int argc, char** argv) {
    mode = argc > 1 ? argv[1] : "leader";
    if (mode == "leader") {
        report("R");
        stay();
    }
    pthread_t thread;
    if (::pthread_create(&thread, nullptr, thread_main, nullptr) != 0) fail("pthread_create");
    if (mode == "thread-leader-exited") ::syscall(SYS_exit, 0);
    (void)::pthread_join(thread, nullptr);
    return 0;
}
