#include <gtest/gtest.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <csignal>
#include <cstring>
#include <mutex>
#include <thread>

#include "nsutil/namespaces.hpp"
#include "nsutil/task.hpp"
#include "support/container.hpp"
#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::Container;
using nsupcall::test::ContainerSpec;
using nsupcall::test::must;
using nsupcall::test::TaskKind;

/// A child that waits to be killed.
pid_t start_idle() {
    const pid_t pid = ::fork();
    if (pid == 0)
        for (;;) ::pause();
    return pid;
}

/// A child with this very number, which must be free. Needs CAP_CHECKPOINT_RESTORE, Linux 5.5.
pid_t start_idle_as(pid_t wanted) {
    clone_args arguments = {};
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = reinterpret_cast<std::uintptr_t>(&wanted);
    arguments.set_tid_size = 1;
    const long pid = ::syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid == 0)
        for (;;) ::pause();
    return static_cast<pid_t>(pid);
}

void end(pid_t pid) {
    ASSERT_EQ(0, ::kill(pid, SIGKILL));
    ASSERT_EQ(pid, ::waitpid(pid, nullptr, 0));
}

/// Expects that every use of a task says ESRCH.
void expect_gone(const Task& task) {
    const auto status = task.status();
    ASSERT_FALSE(status);
    EXPECT_EQ(ESRCH, status.error().code) << status.error().text();
    EXPECT_EQ(ESRCH, task.stat().error().code);
    EXPECT_EQ(ESRCH, task.read("cgroup", 4096).error().code);
    EXPECT_EQ(ESRCH, task.read("uid_map", 4096).error().code);
    EXPECT_EQ(ESRCH, task.open_root().error().code);
    EXPECT_EQ(ESRCH, task.verify_alive().error().code);
    EXPECT_EQ(ESRCH, NamespaceView::of_task(task).error().code);
    EXPECT_EQ(ESRCH, NamespaceSet::open(task, must(NamespaceView::own())).error().code);
}

TEST(Task, Gone_IsEsrchEverywhere) {
    const pid_t pid = start_idle();
    const auto task = must(Task::open(pid));
    ASSERT_TRUE(task.verify_alive());
    end(pid);
    expect_gone(task);
    EXPECT_EQ(ESRCH, Task::open(pid).error().code);
}

TEST(Task, NumberUsedAgain_IsNotReached) {
    const pid_t pid = start_idle();
    const auto task = must(Task::open(pid));
    end(pid);
    const pid_t impostor = start_idle_as(pid);
    ASSERT_EQ(pid, impostor) << "clone3 with set_tid: " << std::strerror(errno);
    // The number leads to the new one, the handle to nobody.
    EXPECT_EQ(pid, must(must(Task::open(pid)).status()).tgid);
    expect_gone(task);
    end(impostor);
}

TEST(Task, Zombie_IsNotAlive) {
    const pid_t pid = start_idle();
    const auto task = must(Task::open(pid));
    ASSERT_EQ(0, ::kill(pid, SIGKILL));
    siginfo_t info = {};
    ASSERT_EQ(0, ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT));
    EXPECT_EQ('Z', must(task.stat()).state);
    EXPECT_EQ(ESRCH, task.verify_alive().error().code);
    EXPECT_EQ(ESRCH, task.open_root().error().code);
    EXPECT_EQ(ESRCH, NamespaceSet::open(task, must(NamespaceView::own())).error().code);
    ASSERT_EQ(pid, ::waitpid(pid, nullptr, 0));
}

TEST(Task, Thread_IsATaskOfItsOwn) {
    std::mutex mutex;
    std::condition_variable changed;
    pid_t tid = 0;
    bool leave = false;
    std::thread thread([&] {
        std::unique_lock lock(mutex);
        tid = ::gettid();
        changed.notify_all();
        changed.wait(lock, [&] { return leave; });
    });
    {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return tid != 0; });
    }
    ASSERT_NE(::getpid(), tid);
    const auto task = must(Task::open(tid));
    EXPECT_EQ(tid, task.tid());
    EXPECT_EQ(::getpid(), must(task.status()).tgid);
    EXPECT_TRUE(task.verify_alive());
    EXPECT_EQ(must(NamespaceView::own()), must(NamespaceView::of_task(task)));
    {
        const std::scoped_lock lock(mutex);
        leave = true;
        changed.notify_all();
    }
    thread.join();
    // join() returns when the thread has cleared its id in memory, a little before the kernel lets go of it.
    for (int tries = 0; tries < 2000 && task.verify_alive(); ++tries) ::usleep(1000);
    EXPECT_EQ(ESRCH, task.verify_alive().error().code);
    EXPECT_EQ(ESRCH, Task::open(tid).error().code);
}

TEST(Task, ThreadWhoseLeaderHasEnded_IsAlive) {
    ContainerSpec spec;
    spec.task = TaskKind::thread_leader_exited;
    const auto container = must(Container::start(spec));
    const auto leader = must(Task::open(container.pid())), thread = must(Task::open(container.tid()));
    EXPECT_EQ(ESRCH, leader.verify_alive().error().code);
    EXPECT_TRUE(thread.verify_alive());
    EXPECT_EQ(container.pid(), must(thread.status()).tgid);
    EXPECT_TRUE(NamespaceSet::open(thread, must(NamespaceView::own())));
}

TEST(Task, KernelThread_IsKnown) {
    // kthreadd is task 2 of the initial pid namespace.
    const auto stat = must(must(Task::open(2)).stat());
    if (stat.comm != "kthreadd")
        GTEST_FAIL() << "task 2 is " << stat.comm << ": not the initial pid namespace";
    EXPECT_TRUE(stat.is_kernel_thread());
    EXPECT_FALSE(must(must(Task::open(::getpid())).stat()).is_kernel_thread());
}

TEST(Task, IdsAbove2To31_AreReadUnsigned) {
    ContainerSpec spec;
    spec.user = nsupcall::test::UserNamespaceSpec::same({{0, 3392012288U, 65536}});
    spec.uid = 5001;
    spec.gid = 5002;
    spec.groups = {7, 65535};
    const auto container = must(Container::start(spec));
    const auto status = must(must(Task::open(container.tid())).status());
    EXPECT_TRUE(status.uids.all(3392017289U)) << status.uids.real;
    EXPECT_TRUE(status.gids.all(3392017290U)) << status.gids.real;
    EXPECT_EQ((std::vector<gid_t>{3392012295U, 3392077823U}), status.groups);
}

}  // namespace
}  // namespace nsutil
