#pragma once
/// @file
/// What the injector is told, and what it tells.

#include <sys/syscall.h>

#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <set>
#include <string>

namespace nsupcall::test {

/// One line of a file: `<role> <n> <fault>`. Role is `broker` or `worker`; n counts that role's system calls
/// from 1 on, 0 for none; fault is `kill`, an errno, or `old`, which lets every call fail with ENOSYS that
/// came after Linux 5.0.
struct Plan {
    bool of_worker = false;
    long at = 0;
    bool kill = false, old_kernel = false;
    int error = 0;

    /// @return false where there is none
    [[nodiscard]] bool read(const std::string& path) {
        std::ifstream file(path);
        std::string role, fault;
        if (!(file >> role >> at >> fault)) return false;
        of_worker = role == "worker";
        kill = fault == "kill";
        old_kernel = fault == "old";
        error = kill || old_kernel ? 0 : std::atoi(fault.c_str());
        return true;
    }
};

/// What became of it, written to the plan's file name with ".out" behind, whole or not at all.
struct Outcome {
    long broker_calls = 0, worker_calls = 0;
    long hit = -1;                       ///< number of the system call that failed
    long first_of_main = 0;              ///< the broker's first call that is not its loader's
    int answered = 0;                    ///< keys answered by the broker itself
    int left = 0;                        ///< processes that were there half a second after the broker
    std::set<std::uint32_t> keyrings{};  ///< serials of the keyrings that were made

    void write(const std::string& path) const {
        {
            std::ofstream file(path + ".new");
            file << broker_calls << ' ' << worker_calls << ' ' << hit << ' ' << first_of_main << ' '
                 << answered << ' ' << left << ' ' << keyrings.size();
            for (const auto serial : keyrings) file << ' ' << serial;
            file << '\n';
        }
        (void)std::rename((path + ".new").c_str(), path.c_str());
    }
    [[nodiscard]] bool read(const std::string& path) {
        std::ifstream file(path);
        std::size_t count = 0;
        file >> broker_calls >> worker_calls >> hit >> first_of_main >> answered >> left >> count;
        for (std::uint32_t serial = 0; count > 0 && file >> serial; --count) keyrings.insert(serial);
        return bool(file) && count == 0;
    }
};

/// Whether a kernel of 5.0 (or an administrator's seccomp profile made for it) lacks this call: the numbers
/// from 424 on, the same on all machines, were given out since.
[[nodiscard]] inline bool is_young(long call) {
    static_assert(SYS_pidfd_send_signal == 424);
    return call >= SYS_pidfd_send_signal;
}

}  // namespace nsupcall::test
