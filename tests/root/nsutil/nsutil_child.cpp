#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
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

int count_descriptors() {
    int count = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
    return count;
}

/// Whether no process of this number is left that could be signalled, waiting a little for it to end.
bool ends(pid_t pid) {
    int status = 0;
    for (int tries = 0; tries < 5000; ++tries) {
        if (::waitpid(pid, &status, WNOHANG) == pid)
            return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        ::usleep(1000);
    }
    return false;
}

TEST(Child, Message_ArrivesWhole) {
    auto child = must(Child::spawn([](int fd) { return send_message(fd, bytes("the answer")); }));
    EXPECT_GT(child.pid(), 0);
    std::array<std::byte, 100> buffer = {};
    ASSERT_EQ(10U, must(child.receive(buffer, soon())));
    EXPECT_EQ(0, std::memcmp(buffer.data(), "the answer", 10));
    const int status = must(child.wait(soon()));
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST(Child, LargeMessage_ThatFillsTheBuffer) {
    const std::vector<std::byte> message(192UL * 1024, std::byte{0x5a});
    auto child = must(Child::spawn([&](int fd) { return send_message(fd, message); }));
    std::vector<std::byte> buffer(message.size());
    EXPECT_EQ(message.size(), must(child.receive(buffer, soon())));
    EXPECT_EQ(message, buffer);
    EXPECT_EQ(0, must(child.wait(soon())));
}

TEST(Child, ExitStatus_IsWhatTheBodyReturns) {
    auto child = must(Child::spawn([](int) { return 42; }));
    EXPECT_EQ(42, WEXITSTATUS(must(child.wait(soon()))));
}

TEST(Child, EndWithoutMessage_IsEpipe) {
    for (const int signal : {0, SIGKILL, SIGSEGV, SIGABRT}) {
        auto child = must(Child::spawn([&](int) {
            if (signal != 0) {
                ::signal(signal, SIG_DFL);  // a sanitizer's handler would report it
                ::raise(signal);
            }
            return 0;
        }));
        std::array<std::byte, 100> buffer = {};
        const auto got = child.receive(buffer, soon());
        ASSERT_FALSE(got) << signal;
        EXPECT_EQ(EPIPE, got.error().code) << signal;
        const int status = must(child.wait(soon()));
        EXPECT_EQ(signal, WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
}

TEST(Child, ClosedChannel_IsEpipeThoughTheChildLives) {
    auto child = must(Child::spawn([](int fd) {
        ::close(fd);
        ::pause();
        return 0;
    }));
    std::array<std::byte, 100> buffer = {};
    const auto got = child.receive(buffer, soon());
    ASSERT_FALSE(got);
    EXPECT_EQ(EPIPE, got.error().code);
}

TEST(Child, EmptyMessage_IsNoAnswer) {
    auto child = must(Child::spawn([](int fd) { return send_message(fd, {}); }));
    std::array<std::byte, 100> buffer = {};
    const auto got = child.receive(buffer, soon());
    ASSERT_FALSE(got);
    EXPECT_EQ(EPIPE, got.error().code);
}

TEST(Child, Silence_EndsAtTheDeadline) {
    const auto begin = std::chrono::steady_clock::now();
    pid_t pid = 0;
    {
        auto child = must(Child::spawn([](int) {
            for (;;) ::pause();
            return 0;
        }));
        pid = child.pid();
        std::array<std::byte, 100> buffer = {};
        const auto got = child.receive(buffer, Deadline::after(100ms));
        ASSERT_FALSE(got);
        EXPECT_EQ(ETIMEDOUT, got.error().code);
        const auto status = child.wait(Deadline::after(50ms));
        ASSERT_FALSE(status);
        EXPECT_EQ(ETIMEDOUT, status.error().code);
    }
    EXPECT_TRUE(ends(pid));
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, 150ms);
    EXPECT_LT(took, 5s);
}

TEST(Child, PassedDeadline_StillTakesAMessageThatIsThere) {
    auto child = must(Child::spawn([](int fd) { return send_message(fd, bytes("x")); }));
    ASSERT_EQ(0, must(child.wait(soon())));
    std::array<std::byte, 1> buffer = {};
    EXPECT_EQ(1U, must(child.receive(buffer, Deadline::after(-1s))));
}

TEST(Child, OversizedMessage_IsEmsgsize) {
    for (const std::size_t size : {11, 12, 1000, 100000}) {
        const std::vector<std::byte> message(size);
        auto child = must(Child::spawn([&](int fd) { return send_message(fd, message); }));
        // What lies behind the buffer must stay as it is.
        std::array<std::byte, 20> memory = {};
        memory.fill(std::byte{0x77});
        const auto got = child.receive(std::span(memory).first(10), soon());
        ASSERT_FALSE(got) << size;
        EXPECT_EQ(EMSGSIZE, got.error().code) << size;
        for (std::size_t at = 10; at < memory.size(); ++at) ASSERT_EQ(std::byte{0x77}, memory[at]) << at;
    }
}

/// Sends `text` with `count` copies of descriptor 0.
int send_with_descriptors(int channel, std::string_view text, std::size_t count) {
    iovec part = {const_cast<char*>(text.data()), text.size()};
    std::vector<char> control(CMSG_SPACE(count * sizeof(int)));
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    const std::vector<int> fds(count, 0);
    std::memcpy(CMSG_DATA(header), fds.data(), count * sizeof(int));
    return ::sendmsg(channel, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

TEST(Child, Descriptors_AreRefusedAndNotKept) {
    for (const std::size_t count : {1, 10, 253}) {
        const int before = count_descriptors();
        {
            auto child =
                must(Child::spawn([&](int fd) { return send_with_descriptors(fd, "take these", count); }));
            std::array<std::byte, 100> buffer = {};
            const auto got = child.receive(buffer, soon());
            ASSERT_FALSE(got) << count;
            EXPECT_EQ(EMSGSIZE, got.error().code) << count;
            EXPECT_EQ(0, must(child.wait(soon()))) << "they were not sent";
        }
        EXPECT_EQ(before, count_descriptors()) << count;
    }
}

TEST(Child, SecondMessage_IsNotReadWithTheFirst) {
    auto child = must(
        Child::spawn([](int fd) { return send_message(fd, bytes("one")) + send_message(fd, bytes("two")); }));
    ASSERT_EQ(0, must(child.wait(soon())));
    std::array<std::byte, 100> buffer = {};
    EXPECT_EQ(3U, must(child.receive(buffer, soon())));
    EXPECT_EQ(0, std::memcmp(buffer.data(), "one", 3));
}

TEST(Child, Destruction_KillsAndKeepsNoDescriptor) {
    const int before = count_descriptors();
    pid_t pid = 0;
    {
        const auto child = must(Child::spawn([](int) {
            for (;;) ::pause();
            return 0;
        }));
        pid = child.pid();
        ASSERT_EQ(0, ::kill(pid, 0));
    }
    EXPECT_TRUE(ends(pid));
    EXPECT_EQ(before, count_descriptors());
}

TEST(Child, Moved_IsKilledOnce) {
    auto child = must(Child::spawn([](int) {
        for (;;) ::pause();
        return 0;
    }));
    const pid_t pid = child.pid();
    {
        const Child moved(std::move(child));
        EXPECT_EQ(pid, moved.pid());
        EXPECT_EQ(-1, child.pid());  // NOLINT(bugprone-use-after-move): that is the point
    }
    EXPECT_TRUE(ends(pid));
}

TEST(Child, WaitedFor_IsNotSignalledAgain) {
    auto child = must(Child::spawn([](int) { return 0; }));
    ASSERT_EQ(0, must(child.wait(soon())));
    EXPECT_EQ(-1, child.pid());
    child.kill();  // its number may be somebody else's by now
}

TEST(Child, Abandoned_LivesOn) {
    pid_t pid = 0;
    {
        auto child = must(Child::spawn([](int) {
            for (;;) ::pause();
            return 0;
        }));
        pid = child.pid();
        child.abandon();
    }
    ::usleep(20'000);
    EXPECT_EQ(0, ::waitpid(pid, nullptr, WNOHANG));
    ASSERT_EQ(0, ::kill(pid, SIGKILL));
    EXPECT_TRUE(ends(pid));
}

TEST(Child, Channel_IsClosedOnExec) {
    auto child = must(Child::spawn([](int fd) { return ::fcntl(fd, F_GETFD) == FD_CLOEXEC ? 0 : 1; }));
    EXPECT_EQ(0, must(child.wait(soon())));
}

TEST(Child, InterruptedBySignals_StillReceives) {
    struct sigaction action = {}, former = {};
    action.sa_handler = [](int) {};  // without SA_RESTART
    ASSERT_EQ(0, ::sigaction(SIGUSR1, &action, &former));
    const pid_t self = ::getpid();
    auto child = must(Child::spawn([&](int fd) {
        for (int count = 0; count < 50; ++count) {
            ::kill(self, SIGUSR1);
            ::usleep(1000);
        }
        return send_message(fd, bytes("late"));
    }));
    std::array<std::byte, 100> buffer = {};
    EXPECT_EQ(4U, must(child.receive(buffer, soon())));
    EXPECT_EQ(0, must(child.wait(soon())));
    ASSERT_EQ(0, ::sigaction(SIGUSR1, &former, nullptr));
}

TEST(SendMessage, NobodyListens_IsAnErrorAndNoSignal) {
    int pair[2];
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    ::close(pair[0]);
    EXPECT_EQ(EPIPE, send_message(pair[1], bytes("x")));
    ::close(pair[1]);
    EXPECT_EQ(EBADF, send_message(pair[1], bytes("x")));
}

TEST(Child, Spawn_KeepsBothOnOneCpu) {
    // Not for the rest of this program: affinity is the thread's own.
    cpu_set_t before;
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof before, &before));
    auto child = must(Child::spawn([](int fd) {
        cpu_set_t here;
        if (::sched_getaffinity(0, sizeof here, &here) != 0) return 1;
        return send_message(fd, std::as_bytes(std::span(&here, 1)));
    }));
    cpu_set_t childs, own;
    ASSERT_EQ(sizeof childs, must(child.receive(std::as_writable_bytes(std::span(&childs, 1)), soon())));
    ASSERT_EQ(0, ::sched_getaffinity(0, sizeof own, &own));
    EXPECT_EQ(1, CPU_COUNT(&own));
    EXPECT_TRUE(CPU_EQUAL(&own, &childs));
    ASSERT_EQ(0, ::sched_setaffinity(0, sizeof before, &before));
}

TEST(SendLastMessage, Sent_SleepsUntilTheParentHangsUp) {
    int pair[2];
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(pair[0]);
        ::_exit(send_last_message(pair[1], bytes("last")));
    }
    ::close(pair[1]);
    std::array<char, 10> buffer = {};
    EXPECT_EQ(4, ::recv(pair[0], buffer.data(), buffer.size(), 0));
    ::usleep(50'000);
    int status = 0;
    EXPECT_EQ(0, ::waitpid(child, &status, WNOHANG));
    ::close(pair[0]);
    EXPECT_EQ(child, ::waitpid(child, &status, 0));
    EXPECT_EQ(0, status);
}

}  // namespace
}  // namespace nsutil
