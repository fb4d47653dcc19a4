#include "helpers/last_word.hpp"

#include <sys/prctl.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace nsupcall {
namespace {

constexpr int kLateMs = 500;    // after everything that has a deadline of its own has had its chance
constexpr int kNoticeMs = 200;  // nearly every upcall has ended by then

const KeySerial* g_key = nullptr;
LastWord g_word = {};
volatile pid_t g_owner = 0;  // 0: nobody has anything to say
volatile std::sig_atomic_t g_noticed = 0;  // milliseconds that are left after the notice; 0: none is due

void set_timer(int wait_ms) {
    itimerval timer = {};
    timer.it_value.tv_sec = wait_ms / 1000;
    timer.it_value.tv_usec = (wait_ms % 1000) * 1000;
    (void)::setitimer(ITIMER_REAL, &timer, nullptr);
}

void reject_own_key(int code) {
    if (*g_key != 0) KeyUnderConstruction::reject_from_signal_handler(*g_key, code);
}

int code_for(int number) {
    if (number == SIGALRM) return ETIMEDOUT;
    if (number != SIGTERM && number != SIGHUP && number != SIGINT) return EKEYREJECTED;
    return g_word.hand_over_on_request ? 0 : ECANCELED;
}

void on_signal(int number) {
    const int error = errno;
    // A child that was forked a moment ago has the handlers, but not the right to answer.
    const bool owner = g_owner != 0 && ::getpid() == g_owner;
    if (number == SIGALRM && owner && g_noticed > 0) {
        const int left_ms = g_noticed;
        g_noticed = 0;
        g_word.takes_time(left_ms);
        set_timer(left_ms + kLateMs);
        errno = error;
        return;
    }
    if (owner) g_word.reject(code_for(number));
    ::_exit(1);
}

}  // namespace

void arm_last_word(const KeySerial& key, const nsutil::Deadline& deadline) {
    g_key = &key;
    arm_last_word({.reject = reject_own_key}, deadline);
}

void disarm_last_word() {
    g_owner = 0;
    const itimerval never = {};
    (void)::setitimer(ITIMER_REAL, &never, nullptr);
}

void arm_last_word(const LastWord& word, const nsutil::Deadline& deadline) {
    g_word = word;
    g_owner = ::getpid();
    struct sigaction action = {};
    ::sigfillset(&action.sa_mask);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;  // of the notice alone is there a way back
    for (const int number :
         {SIGALRM, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGXCPU, SIGTERM, SIGHUP, SIGINT})
        (void)::sigaction(number, &action, nullptr);
    // It holds session keys and passwords, and signals without a handler (or without a stack) write core
    // files.
    (void)::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    const int left_ms = deadline.remaining_ms();
    const bool notice = word.takes_time != nullptr && left_ms > kNoticeMs;
    g_noticed = notice ? left_ms - kNoticeMs : 0;
    set_timer(notice ? kNoticeMs : left_ms + kLateMs);
}

}  // namespace nsupcall
