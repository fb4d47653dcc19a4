#pragma once
/// @file
/// How fast the machine is while it is measured.

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace nsupcall::test {

/// A basket of what the kernel does for commands on a full host: a hundred programs started, five hundred
/// mount tables printed, all processes listed and asked for a namespace. Made of system calls alone, so that
/// nothing that is measured can make the machine seem slower.
/// @return the fastest of some runs, in milliseconds
inline double basket_ms() {
    constexpr int kRuns = 10, kPrograms = 100, kTables = 500;
    double fastest = 1e9;
    for (int run = 0; run < kRuns; ++run) {
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < kPrograms; ++i) {
            char name[] = "true";
            char* argv[] = {name, nullptr};
            pid_t pid = -1;
            if (::posix_spawn(&pid, "/bin/true", nullptr, nullptr, argv, nullptr) == 0)
                (void)::waitpid(pid, nullptr, 0);
        }
        std::array<char, 16 * 1024> text = {};
        for (int i = 0; i < kTables; ++i) {
            const int fd = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
            while (::read(fd, text.data(), text.size()) > 0) {
            }
            (void)::close(fd);
        }
        DIR* const proc = ::opendir("/proc");
        while (const dirent* entry = proc != nullptr ? ::readdir(proc) : nullptr) {
            if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
            (void)std::snprintf(text.data(), text.size(), "%s/ns/mnt", entry->d_name);
            std::array<char, 64> link = {};
            (void)!::readlinkat(::dirfd(proc), text.data(), link.data(), link.size());
        }
        if (proc != nullptr) (void)::closedir(proc);
        const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
        fastest = std::min(fastest, took.count());
    }
    return fastest;
}

/// By how much more time a task may take than where the basket takes `kBasketMs` with 5,000 processes: limits
/// are those of such a machine, a slow one with two processors. 1 on every faster one.
inline double allowance(double basket) {
    constexpr double kBasketMs = 150;
    return std::max(1.0, basket / kBasketMs);
}

}  // namespace nsupcall::test
