#include "helpers/last_word.hpp"

#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace nsupcall {
namespace {

const KeySerial* g_key = nullptr;
pid_t g_owner = 0;

void on_signal(int number) {
    // A child that was forked a moment ago has the handlers, but not the right to answer.
    if (*g_key != 0 && ::getpid() == g_owner) {
        const int code = number == SIGALRM                                           ? ETIMEDOUT
                         : number == SIGTERM || number == SIGHUP || number == SIGINT ? ECANCELED
                                                                                     : EKEYREJECTED;
        KeyUnderConstruction::reject_from_signal_handler(*g_key, code);
    }
    ::_exit(1);
}

}  // namespace

void arm_last_word(const KeySerial& key, const nsutil::Deadline& deadline) {
    g_key = &key;
    g_owner = ::getpid();
    struct sigaction action = {};
    ::sigfillset(&action.sa_mask);
    action.sa_handler = on_signal;
    for (const int number :
         {SIGALRM, SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGXCPU, SIGTERM, SIGHUP, SIGINT})
        (void)::sigaction(number, &action, nullptr);

    // After everything that has a deadline of its own has had its chance.
    constexpr int kLateMs = 500;
    const int wait_ms = deadline.remaining_ms() + kLateMs;
    itimerval timer = {};
    timer.it_value.tv_sec = wait_ms / 1000;
    timer.it_value.tv_usec = (wait_ms % 1000) * 1000;
    (void)::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace nsupcall
