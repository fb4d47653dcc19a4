#include "nsutil/child.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <ctime>
#include <initializer_list>

namespace nsutil {
namespace {

/// Where this process may be when nothing holds it.
struct Places {
    cpu_set_t all = {};
    bool known = false;
};
Places g_places;

/// A wish: where it fails, everything works as well, later.
void put_on_this_cpu(std::initializer_list<pid_t> tasks) {
    const int cpu = ::sched_getcpu();
    if (cpu < 0 || cpu >= CPU_SETSIZE) return;
    if (!g_places.known) g_places.known = ::sched_getaffinity(0, sizeof g_places.all, &g_places.all) == 0;
    cpu_set_t here;
    CPU_ZERO(&here);
    CPU_SET(static_cast<std::size_t>(cpu), &here);
    for (const pid_t task : tasks) (void)::sched_setaffinity(task, sizeof here, &here);
}

/// Room for descriptors beside a message.
union ControlBuffer {
    cmsghdr head;
    std::array<char, CMSG_SPACE(kDescriptorsMost * sizeof(int))> bytes;
};

}  // namespace

void Child::stay_on_this_cpu() {
    put_on_this_cpu({0});
}

void Child::come_together() const {
    put_on_this_cpu({0, pid_});
}

void Child::be_anywhere() {
    if (g_places.known) (void)::sched_setaffinity(0, sizeof g_places.all, &g_places.all);
}

Result<Child::Forked> Child::fork_with_channel() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return fail_errno("socketpair");
    UniqueFd parent_end(ends[0]);
    UniqueFd child_end(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("fork");
    // Each side keeps one end only, so that the death of the child ends the channel.
    return Forked{pid, pid == 0 ? std::move(child_end) : std::move(parent_end)};
}

Result<pid_t> Child::fork_alone() {
    const pid_t pid = ::fork();
    if (pid < 0) return fail_errno("fork");
    return pid;
}

pid_t Child::fork_sibling() {
    const auto pid = ::syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
    return pid < 0 ? -errno : static_cast<pid_t>(pid);
}

void Child::exit_now(int status) {
    ::_exit(status);
}

Result<std::size_t> Child::receive(std::span<std::byte> buffer, const Deadline& deadline) {
    for (;;) {
        pollfd waiting = {channel_.get(), POLLIN, 0};
        const int ready = ::poll(&waiting, 1, deadline.remaining_ms());
        if (ready < 0 && errno != EINTR) return fail_errno("poll");
        if (ready > 0) break;
        if (deadline.passed()) return fail(ETIMEDOUT, "no answer from the child before the deadline");
    }
    iovec part = {buffer.data(), buffer.size()};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    // No room for control data: descriptors that a hostile child sends are closed by the kernel.
    ssize_t got = 0;
    do got = ::recvmsg(channel_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0 && errno != ECONNRESET) return fail_errno("recvmsg");
    if (got <= 0) return fail(EPIPE, "the child ended without an answer");
    if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return fail(EMSGSIZE, "the child's answer is longer than allowed, or carries descriptors");
    return static_cast<std::size_t>(got);
}

int Child::send(std::span<const std::byte> message, std::span<const int> descriptors) const {
    if (descriptors.size() > kDescriptorsMost) return E2BIG;
    iovec part = {const_cast<std::byte*>(message.data()), message.size()};
    ControlBuffer control = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!descriptors.empty()) {
        control.head.cmsg_level = SOL_SOCKET;
        control.head.cmsg_type = SCM_RIGHTS;
        control.head.cmsg_len = CMSG_LEN(descriptors.size_bytes());
        std::memcpy(CMSG_DATA(&control.head), descriptors.data(), descriptors.size_bytes());
        header.msg_control = control.bytes.data();
        header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    }
    // Not waiting: the queue of a channel on which nothing was sent before has room.
    ssize_t sent = 0;
    do sent = ::sendmsg(channel_.get(), &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return errno;
    return static_cast<std::size_t>(sent) == message.size() ? 0 : EMSGSIZE;
}

Result<int> Child::wait(const Deadline& deadline) {
    for (;;) {
        int status = 0;
        const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
        if (ended == pid_) {
            pid_ = -1;
            return status;
        }
        if (ended < 0 && errno != EINTR) return fail_errno("waitpid");
        if (deadline.passed()) return fail(ETIMEDOUT, "the child is still running");
        const timespec pause = {0, 1'000'000};
        (void)::nanosleep(&pause, nullptr);
    }
}

void Child::kill() noexcept {
    if (pid_ > 0 && ours_) (void)::kill(pid_, SIGKILL);
    pid_ = -1;
}

Result<ChildMessage> receive_from_parent(int channel_fd, std::span<std::byte> buffer) {
    iovec part = {buffer.data(), buffer.size()};
    ControlBuffer control = {};
    msghdr header = {};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    ssize_t got = 0;
    do got = ::recvmsg(channel_fd, &header, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    // A parent that ended before it had read everything resets the connection.
    if (got < 0 && errno != ECONNRESET) return fail_errno("recvmsg");
    ChildMessage received;
    received.size = got > 0 ? static_cast<std::size_t>(got) : 0;
    for (auto* head = CMSG_FIRSTHDR(&header); head != nullptr; head = CMSG_NXTHDR(&header, head)) {
        if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS) continue;
        for (std::size_t at = 0; CMSG_LEN((at + 1) * sizeof(int)) <= head->cmsg_len; ++at) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(head) + at * sizeof fd, sizeof fd);
            received.descriptors.emplace_back(fd);
        }
    }
    if ((header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0)
        return fail(EMSGSIZE, "the parent's message is longer than allowed");
    return received;
}

int send_message(int channel_fd, std::span<const std::byte> message) {
    for (;;) {
        const ssize_t sent = ::send(channel_fd, message.data(), message.size(), MSG_NOSIGNAL);
        if (sent >= 0) return static_cast<std::size_t>(sent) == message.size() ? 0 : EMSGSIZE;
        if (errno != EINTR) return errno;
    }
}

int send_last_message(int channel_fd, std::span<const std::byte> message) {
    const int error = send_message(channel_fd, message);
    if (error != 0) return error;
    // Nothing is ever sent this way: only the hang-up ends the wait.
    pollfd waiting = {channel_fd, 0, 0};
    while (::poll(&waiting, 1, -1) < 0 && errno == EINTR) {
    }
    return 0;
}

}  // namespace nsutil
