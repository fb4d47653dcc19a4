/// @file
/// Preloaded into a helper, says when it passed which call: the budget of one upcall, of the very program
/// that is installed.
///
/// Both processes write into one shared page; the one that forked writes it out as lines "b|w name
/// nanoseconds" (broker, worker; CLOCK_MONOTONIC) to the file named by STAGE_PROBE_FILE when it ends. Each
/// stamp costs some 50 ns, and the preloading itself comes before the first.

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <keyutils.h>
#include <krb5.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace {

struct Stamp {
    const char* name;
    long nanoseconds;
    bool child;
};
struct Page {
    std::atomic<unsigned> used;
    std::array<Stamp, 150> stamps;
};
Page* g_page = nullptr;
const char* g_file = nullptr;
bool g_child = false;

long now() {
    timespec time = {};
    (void)::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000L + time.tv_nsec;
}

void stamp(const char* name) {
    if (g_page == nullptr) return;
    const unsigned at = g_page->used.fetch_add(1);
    if (at < g_page->stamps.size()) g_page->stamps[at] = {name, now(), g_child};
}

template <class Function>
Function next(const char* name) {
    return reinterpret_cast<Function>(::dlsym(RTLD_NEXT, name));
}

void write_out() {
    std::FILE* file = std::fopen(g_file, "ae");
    if (file == nullptr) return;
    for (unsigned at = 0; at < g_page->used && at < g_page->stamps.size(); ++at) {
        const auto& one = g_page->stamps[at];
        std::fprintf(file, "%c %s %ld\n", one.child ? 'w' : 'b', one.name, one.nanoseconds);
    }
    std::fputs("-\n", file);
    (void)std::fclose(file);
}

__attribute__((constructor)) void begin() {
    g_file = std::getenv("STAGE_PROBE_FILE");
    if (g_file == nullptr) return;
    void* page = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return;
    g_page = static_cast<Page*>(page);
    stamp("loaded");
}

}  // namespace

extern "C" {

pid_t fork() noexcept {
    static const auto real = next<pid_t (*)()>("fork");
    stamp("to-fork");
    const pid_t pid = real();
    if (pid == 0) g_child = true;
    stamp(pid == 0 ? "worker-runs" : "forked");
    return pid;
}

long syscall(long number, ...) noexcept {
    va_list list;
    va_start(list, number);
    std::array<long, 6> a;
    for (auto& word : a) word = va_arg(list, long);
    va_end(list);
    static const auto real = next<long (*)(long, ...)>("syscall");
    const long result = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (number == SYS_keyctl)
        stamp(a[0] == KEYCTL_DESCRIBE               ? "key-described"
              : a[0] == KEYCTL_JOIN_SESSION_KEYRING ? "keys-given-up"
              : a[0] == KEYCTL_INSTANTIATE          ? "instantiated"
              : a[0] == KEYCTL_REJECT               ? "rejected"
                                                    : "keyctl");
    else if (number == SYS_seccomp)
        stamp("seccomp-installed");
    else if (number == SYS_landlock_restrict_self)
        stamp("landlock-installed");
    else if (number == SYS_capset)
        stamp("capabilities-dropped");
    return result;
}

int setgroups(std::size_t count, const gid_t* groups) noexcept {
    static const auto real = next<int (*)(std::size_t, const gid_t*)>("setgroups");
    stamp("to-setgroups");
    return real(count, groups);
}

int setresuid(uid_t real_id, uid_t effective, uid_t saved) noexcept {
    static const auto real = next<int (*)(uid_t, uid_t, uid_t)>("setresuid");
    const int result = real(real_id, effective, saved);
    stamp(result == 0 ? "user-set" : "user-refused");
    return result;
}

krb5_error_code krb5_init_secure_context(krb5_context* context) {
    static const auto real = next<krb5_error_code (*)(krb5_context*)>("krb5_init_secure_context");
    stamp("proved");
    const auto result = real(context);
    stamp("krb5-context");
    return result;
}

krb5_error_code krb5_mk_req_extended(krb5_context context, krb5_auth_context* auth, krb5_flags options,
                                     krb5_data* data, krb5_creds* creds, krb5_data* out) {
    static const auto real = next<decltype(&krb5_mk_req_extended)>("krb5_mk_req_extended");
    stamp("ticket-located");
    const auto result = real(context, auth, options, data, creds, out);
    stamp("ap-req-made");
    return result;
}

ssize_t send(int fd, const void* data, std::size_t size, int flags) {
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, int)>("send");
    stamp("to-send");
    return real(fd, data, size, flags);
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
    static const auto real = next<ssize_t (*)(int, msghdr*, int)>("recvmsg");
    const auto result = real(fd, message, flags);
    stamp("reply-received");
    return result;
}

[[noreturn]] void _exit(int status) {
    stamp("to-exit");
    if (g_page != nullptr && !g_child) write_out();
    ::syscall(SYS_exit_group, status);
    __builtin_unreachable();
}
}
