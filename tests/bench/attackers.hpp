#pragma once
/// @file
/// Processes that ask for keys as fast as they get refusals.

#include <keyutils.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>
#include <vector>

namespace nsupcall::bench {

/// Children of the caller, with a uid each, that request keys one after the other while they are let.
class Attackers {
  public:
    /// @param description  of the key, by the attacker's and the request's number
    Attackers(unsigned count, const std::function<std::string(unsigned, unsigned)>& description) {
        void* page =
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (page == MAP_FAILED) return;
        shared_ = new (page) Shared;
        for (unsigned number = 0; number < count; ++number) {
            const pid_t pid = ::fork();
            if (pid == 0) attack(number, description);
            if (pid > 0) pids_.push_back(pid);
        }
    }
    Attackers(const Attackers&) = delete;
    Attackers& operator=(const Attackers&) = delete;
    ~Attackers() {
        rest();
        for (const pid_t pid : pids_) (void)::kill(pid, SIGKILL);
        for (const pid_t pid : pids_) (void)::waitpid(pid, nullptr, 0);
    }

    void go() { shared_->attacking = true; }
    void rest() { shared_->attacking = false; }
    [[nodiscard]] std::size_t size() const { return pids_.size(); }
    /// Requests that were refused so far, and that were answered with a key.
    [[nodiscard]] unsigned refused() const { return shared_->refused; }
    [[nodiscard]] unsigned served() const { return shared_->served; }

  private:
    struct Shared {
        std::atomic<bool> attacking = false;
        std::atomic<unsigned> refused = 0, served = 0;
    };

    [[noreturn]] void attack(unsigned number,
                             const std::function<std::string(unsigned, unsigned)>& description) {
        constexpr useconds_t kNapUs = 2000;
        constexpr uid_t kFirstUid = 1'200'000;
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        // Keys of all attackers together must not fill the quota of one user.
        (void)!::setresuid(kFirstUid + number, kFirstUid + number, kFirstUid + number);
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (unsigned request = 0;;) {
            if (!shared_->attacking) {
                (void)::usleep(kNapUs);
                continue;
            }
            const auto text = description(number, request++);
            const auto key = ::request_key("user", text.c_str(), "", KEY_SPEC_THREAD_KEYRING);
            ++(key < 0 ? shared_->refused : shared_->served);
            (void)::keyctl_clear(KEY_SPEC_THREAD_KEYRING);
        }
    }

    Shared* shared_ = nullptr;
    std::vector<pid_t> pids_;
};

}  // namespace nsupcall::bench
