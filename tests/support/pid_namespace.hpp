#pragma once
/// @file
/// Processes in the pid namespace of a container, which Container::run() leaves alone.

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <string>

#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// As long as this object lives, what this process forks begins in the pid namespace of `pid`, and nowhere
/// else.
class ChildrenInPidNamespace {
  public:
    explicit ChildrenInPidNamespace(pid_t pid) : own_(::open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC)) {
        const auto path = fmt::format("/proc/{}/ns/pid", pid);
        const nsutil::UniqueFd theirs(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
        EXPECT_EQ(0, ::setns(theirs.get(), CLONE_NEWPID));
    }
    ChildrenInPidNamespace(const ChildrenInPidNamespace&) = delete;
    ChildrenInPidNamespace& operator=(const ChildrenInPidNamespace&) = delete;
    ~ChildrenInPidNamespace() { EXPECT_EQ(0, ::setns(own_.get(), CLONE_NEWPID)); }

  private:
    nsutil::UniqueFd own_;
};

/// The number of the calling process in the pid namespace of a /proc that was opened there.
[[nodiscard]] inline pid_t own_pid_in(int proc_fd) {
    char digits[16] = {};
    if (::readlinkat(proc_fd, "self", digits, sizeof digits - 1) <= 0) return 0;
    return std::atoi(digits);
}

}  // namespace nsupcall::test
