/// @file
/// Children that are sent something to do.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <vector>

#include "nsutil/child.hpp"
#include "support/must.hpp"

namespace nsutil {
namespace {

using nsupcall::test::must;
using namespace std::chrono_literals;

std::span<const std::byte> bytes(std::string_view text) {
    return std::as_bytes(std::span(text));
}

Deadline soon() {
    return Deadline::after(10s);
}

/// Sends back what it is sent, and where the descriptors lead: a digit for each, its number in `inodes`.
int echo(int fd, std::span<const ino_t> inodes) {
    std::array<std::byte, 64> buffer = {};
    const auto message = receive_from_parent(fd, buffer);
    if (!message) return message.error().code;
    if (message->size == 0) return 77;
    std::string answer(reinterpret_cast<const char*>(buffer.data()), message->size);
    for (const auto& descriptor : message->descriptors) {
        struct stat info = {};
        char digit = '?';
        for (std::size_t at = 0; at < inodes.size(); ++at)
            if (::fstat(descriptor.get(), &info) == 0 && info.st_ino == inodes[at])
                digit = static_cast<char>('0' + at);
        answer += digit;
        if (::fcntl(descriptor.get(), F_GETFD) != FD_CLOEXEC) answer += '!';
    }
    return send_message(fd, bytes(answer));
}

std::string reply_of(Child& child) {
    std::array<std::byte, 128> buffer = {};
    const auto size = child.receive(buffer, soon());
    if (!size) return size.error().text();
    return {reinterpret_cast<const char*>(buffer.data()), *size};
}

int status_of(Child& child) {
    const int status = must(child.wait(soon()));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

ino_t inode_of(int fd) {
    struct stat info = {};
    return ::fstat(fd, &info) == 0 ? info.st_ino : 0;
}

TEST(ChildMessages, BytesAndDescriptors_ArriveInTheirOrder) {
    const UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC)), root(::open("/", O_PATH | O_CLOEXEC));
    const std::array<ino_t, 2> inodes = {inode_of(null.get()), inode_of(root.get())};
    auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, inodes); }));
    const std::array<int, 3> descriptors = {root.get(), null.get(), root.get()};
    ASSERT_EQ(0, child.send(bytes("task"), descriptors));
    EXPECT_EQ("task101", reply_of(child));
    EXPECT_EQ(0, status_of(child));
}

TEST(ChildMessages, NoDescriptors_AreNone) {
    auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
    ASSERT_EQ(0, child.send(bytes("x"), {}));
    EXPECT_EQ("x", reply_of(child));
}

TEST(ChildMessages, TooLong_IsRefusedByTheChild) {
    auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
    const std::vector<std::byte> message(65);
    ASSERT_EQ(0, child.send(message, {}));
    EXPECT_EQ(EMSGSIZE, status_of(child));
}

TEST(ChildMessages, TooManyDescriptors_AreNotSent) {
    auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
    const std::vector<int> descriptors(kDescriptorsMost + 1, STDERR_FILENO);
    EXPECT_EQ(E2BIG, child.send(bytes("x"), descriptors));
    EXPECT_EQ(0, child.send(bytes("x"), std::span(descriptors).first(kDescriptorsMost)));
    EXPECT_EQ(1 + kDescriptorsMost, reply_of(child).size());
}

TEST(ChildMessages, ChildThatHasEnded_IsNoticed) {
    auto child = must(Child::spawn_ahead([](int) { return 0; }));
    EXPECT_EQ(0, status_of(child));
    EXPECT_EQ(EPIPE, child.send(bytes("x"), {}));
}

TEST(ChildMessages, ParentThatHasGone_IsNoMessage) {
    pid_t pid = -1;
    {
        auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
        pid = child.pid();
        child.abandon();
    }
    int status = 0;
    ASSERT_EQ(pid, ::waitpid(pid, &status, 0));
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(77, WEXITSTATUS(status));
}

TEST(ChildMessages, ComeTogether_BothAreOnOneCpu) {
    cpu_set_t before;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof before, &before));
    auto child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
    cpu_set_t of_child;
    ASSERT_EQ(0, ::sched_getaffinity(child.pid(), sizeof of_child, &of_child));
    EXPECT_TRUE(CPU_EQUAL(&before, &of_child)) << "it is tied to a CPU before it has anything to do";
    child.come_together();
    cpu_set_t own;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof own, &own));
    ASSERT_EQ(0, ::sched_getaffinity(child.pid(), sizeof of_child, &of_child));
    EXPECT_EQ(1, CPU_COUNT(&own));
    EXPECT_TRUE(CPU_EQUAL(&own, &of_child));
    ASSERT_EQ(0, ::sched_setaffinity(0, sizeof before, &before));
}

TEST(ChildMessages, AssigningAnother_KillsTheFormer) {
    const auto wait_for_ever = [](int) -> int {
        for (;;) ::pause();
    };
    auto child = must(Child::spawn_ahead(wait_for_ever));
    const pid_t former = child.pid();
    child = must(Child::spawn_ahead([&](int fd) { return echo(fd, {}); }));
    int status = 0;
    ASSERT_EQ(former, ::waitpid(former, &status, 0));
    EXPECT_TRUE(WIFSIGNALED(status));
    ASSERT_EQ(0, child.send(bytes("other"), {}));
    EXPECT_EQ("other", reply_of(child));
}

}  // namespace
}  // namespace nsutil
