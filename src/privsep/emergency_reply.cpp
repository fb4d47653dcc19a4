#include "privsep/emergency_reply.hpp"

#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace nsupcall {
namespace {

// Two buffers: a handler that interrupts remember() still finds the former message whole.
struct Message {
    alignas(ReplyHead) std::byte bytes[kReplyLimit] = {};
    std::size_t size = 0;
};
Message g_messages[2];
std::atomic<int> g_current = -1;
int g_reply_fd = -1;

[[noreturn]] void send_and_end(WorkerEnd end, int code, std::uint32_t call) {
    const int current = g_current.load();
    if (current >= 0) {
        auto& message = g_messages[current];
        const ReplyHead head = {kReplyMagic, static_cast<std::uint32_t>(end), code, call};
        std::memcpy(message.bytes, &head, sizeof head);
        (void)::send(g_reply_fd, message.bytes, message.size, MSG_NOSIGNAL);
    }
    ::_exit(1);
}

void on_alarm(int) {
    send_and_end(WorkerEnd::out_of_time, ETIMEDOUT, 0);
}

void on_forbidden_call(int, siginfo_t* info, void*) {
    send_and_end(WorkerEnd::forbidden_call, EACCES, static_cast<std::uint32_t>(info->si_syscall));
}

}  // namespace

int EmergencyReply::arm(int reply_fd, const nsutil::Deadline& deadline) {
    const int error = arm_handlers(reply_fd);
    return error != 0 ? error : arm_timer(deadline);
}

int EmergencyReply::arm_handlers(int reply_fd) {
    g_reply_fd = reply_fd;
    struct sigaction action = {};
    ::sigemptyset(&action.sa_mask);
    action.sa_handler = on_alarm;
    if (::sigaction(SIGALRM, &action, nullptr) != 0) return errno;
    action.sa_handler = nullptr;
    action.sa_flags = SA_SIGINFO;
    action.sa_sigaction = on_forbidden_call;
    if (::sigaction(SIGSYS, &action, nullptr) != 0) return errno;
    // What the broker would do on these is not for its child to do.
    action = {};
    action.sa_handler = SIG_DFL;
    for (const int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU, SIGTERM, SIGHUP, SIGINT})
        if (::sigaction(number, &action, nullptr) != 0) return errno;
    action.sa_handler = SIG_IGN;  // a write past the file size limit fails with EFBIG instead
    return ::sigaction(SIGXFSZ, &action, nullptr) == 0 ? 0 : errno;
}

void EmergencyReply::use_channel(int reply_fd) {
    g_reply_fd = reply_fd;
}

int EmergencyReply::arm_timer(const nsutil::Deadline& deadline) {
    // Early enough for the broker to read it, late enough to matter to nobody.
    constexpr int kEarlyMs = 250;
    const int left_ms = std::max(1, deadline.remaining_ms() - kEarlyMs);
    itimerval timer = {};
    timer.it_value.tv_sec = left_ms / 1000;
    timer.it_value.tv_usec = (left_ms % 1000) * 1000;
    return ::setitimer(ITIMER_REAL, &timer, nullptr) == 0 ? 0 : errno;
}

void EmergencyReply::remember(const Reply& reply) {
    const auto encoded = encode_reply(reply);
    if (encoded.size() > kReplyLimit) return;
    const int next = g_current.load() == 0 ? 1 : 0;
    std::memcpy(g_messages[next].bytes, encoded.data(), encoded.size());
    g_messages[next].size = encoded.size();
    g_current.store(next);
}

}  // namespace nsupcall
