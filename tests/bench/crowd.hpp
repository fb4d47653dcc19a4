#pragma once
/// @file
/// Mount namespaces full of processes.

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <vector>

namespace nsupcall::test {

/// `namespaces` mount namespaces with `each` processes, ended with the object.
class Crowd {
  public:
    /// @param furnish  runs in the first process of each, in its new namespace, with its number; false: it
    /// failed
    Crowd(int namespaces, int each, const std::function<bool(int)>& furnish = {}) {
        int ends[2];
        if (::pipe(ends) != 0) return;
        for (int i = 0; i < namespaces; ++i) {
            const pid_t first = start_namespace(i, each, furnish, ends[1]);
            char answer = 'n';
            if (first < 0 || ::read(ends[0], &answer, 1) != 1 || answer != 'y') {
                if (first > 0) firsts_.push_back(first);
                complete_ = false;
                break;
            }
            firsts_.push_back(first);
        }
        (void)::close(ends[0]);
        (void)::close(ends[1]);
    }
    Crowd(const Crowd&) = delete;
    Crowd& operator=(const Crowd&) = delete;
    ~Crowd() {
        for (const pid_t first : firsts_) (void)::kill(first, SIGKILL);
        for (const pid_t first : firsts_) (void)::waitpid(first, nullptr, 0);
    }
    [[nodiscard]] bool complete() const { return complete_; }
    [[nodiscard]] pid_t last() const { return firsts_.back(); }

  private:
    [[noreturn]] static void wait_for_the_end() {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) ::pause();
    }

    /// One namespace with its processes; tells through the pipe when they are there.
    static pid_t start_namespace(int number, int processes, const std::function<bool(int)>& furnish,
                                 int ready) {
        const pid_t first = ::fork();
        if (first != 0) return first;
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        bool good = ::unshare(CLONE_NEWNS) == 0 && (!furnish || furnish(number));
        for (int i = 1; i < processes; ++i) {
            const pid_t other = ::fork();
            if (other == 0) wait_for_the_end();
            good = good && other > 0;
        }
        const char answer = good ? 'y' : 'n';
        (void)!::write(ready, &answer, 1);
        wait_for_the_end();
    }

    std::vector<pid_t> firsts_;
    bool complete_ = true;
};

}  // namespace nsupcall::test
