/// @file
/// Preloaded into a helper or an engine, says when it passed which call: the budget of one upcall, of the
/// very program that is installed.
///
/// Broker and worker write into one shared page; the broker writes it out as lines "b|w name nanoseconds"
/// (CLOCK_MONOTONIC), with a line "-" behind, to the file named by STAGE_PROBE_FILE when it ends, or waits for
/// the next front end. STAGE_PROBE_ENGINE says what the program is: 0 a helper, whose child is the worker, 1 an
/// engine, whose children give themselves their names; a worker's stamps count from its task on. Each stamp
/// costs some 50 ns, and the preloading itself comes before the first.

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <keyutils.h>
#include <krb5.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/landlock.h>
#include <array>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "engine/message.hpp"

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
bool g_of_engine = false;
enum class Role : std::uint8_t { none, broker, waiting, worker };
Role g_role = Role::broker;

long now() {
    timespec time = {};
    (void)::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1'000'000'000L + time.tv_nsec;
}

void stamp_at(const char* name, long nanoseconds) {
    if (g_page == nullptr || g_role == Role::none || g_role == Role::waiting) return;
    const unsigned at = g_page->used.fetch_add(1);
    if (at < g_page->stamps.size()) g_page->stamps[at] = {name, nanoseconds, g_role == Role::worker};
}

void stamp(const char* name) {
    if (g_page != nullptr) stamp_at(name, now());
}

/// Inherited by whoever is forked.
void map_page() {
    if (g_file == nullptr) return;
    void* page = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) g_page = static_cast<Page*>(page);
}

/// The number with which the engine's messages begin; 0 for others.
std::uint32_t magic_of(const msghdr* message, std::size_t size) {
    std::uint32_t magic = 0;
    if (size >= sizeof magic && message->msg_iovlen > 0 && message->msg_iov[0].iov_len >= sizeof magic)
        std::memcpy(&magic, message->msg_iov[0].iov_base, sizeof magic);
    return magic;
}

void stamp_received(const msghdr* message, std::size_t size) {
    using namespace nsupcall::engine;
    const auto magic = magic_of(message, size);
    if (g_role == Role::waiting) g_role = Role::worker;
    if (g_role == Role::worker) return stamp("task-read");
    if (magic == kOutcomeMagic && size == sizeof(Outcome)) return stamp("front-end-done");
    constexpr std::size_t kHelloSize = 8;  // a worker says who it is
    if (size == kHelloSize) return stamp("worker-met");
    if (magic != kAskMagic || size < sizeof(Ask)) return stamp("reply-received");
    Ask ask;
    std::memcpy(&ask, message->msg_iov[0].iov_base, sizeof ask);
    stamp_at("front-end-began", static_cast<long>(ask.started_ns));
    stamp("question-read");
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
    const char* engine = std::getenv("STAGE_PROBE_ENGINE");
    g_of_engine = engine != nullptr && std::atoi(engine) == 1;
    if (g_of_engine) g_role = Role::none;
    map_page();
    stamp("loaded");
}

}  // namespace

extern "C" {

pid_t fork() noexcept {
    static const auto real = next<pid_t (*)()>("fork");
    stamp("to-fork");
    const pid_t pid = real();
    if (pid == 0 && !g_of_engine) g_role = Role::worker;
    stamp(pid == 0 ? "runs" : "forked");
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
    if (result > 0) stamp_received(message, static_cast<std::size_t>(result));
    return result;
}

ssize_t recv(int fd, void* data, std::size_t size, int flags) {
    static const auto real = next<ssize_t (*)(int, void*, std::size_t, int)>("recv");
    const auto result = real(fd, data, size, flags);
    iovec part = {data, size};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (result > 0) stamp_received(&message, static_cast<std::size_t>(result));
    return result;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    static const auto real = next<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
    const auto result = real(fd, message, flags);
    const bool answer = magic_of(message, message->msg_iovlen > 0 ? message->msg_iov[0].iov_len : 0) ==
                        nsupcall::engine::kAnswerMagic;
    stamp(answer ? "answer-sent" : "message-sent");
    return result;
}

int prctl(int option, ...) noexcept {
    va_list list;
    va_start(list, option);
    std::array<unsigned long, 4> a;
    for (auto& word : a) word = va_arg(list, unsigned long);
    va_end(list);
    static const auto real =
        next<int (*)(int, unsigned long, unsigned long, unsigned long, unsigned long)>("prctl");
    if (g_of_engine && option == PR_SET_NAME) {
        const auto* name = reinterpret_cast<const char*>(a[0]);  // NOLINT(performance-no-int-to-ptr)
        g_role = std::strcmp(name, "worker") == 0 ? Role::waiting : Role::broker;
    }
    return real(option, a[0], a[1], a[2], a[3]);
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
    static const auto real = next<int (*)(int, sockaddr*, socklen_t*, int)>("accept4");
    if (g_page != nullptr && g_role == Role::broker && g_page->used > 0) write_out();
    if (g_page != nullptr && g_role == Role::broker) g_page->used = 0;
    const int result = real(fd, address, size, flags);
    stamp("front-end-there");
    return result;
}

[[noreturn]] void _exit(int status) {
    stamp("to-exit");
    if (g_page != nullptr && g_role == Role::broker && !g_of_engine) write_out();
    ::syscall(SYS_exit_group, status);
    __builtin_unreachable();
}
}
