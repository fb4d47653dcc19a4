#pragma once
/// @file
/// A child process that answers with exactly one message, before a deadline.

#include <sys/types.h>

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "nsutil/deadline.hpp"
#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsutil {

/// Owns one forked child and the reading end of its channel. A child that is still running when this
/// object goes is killed; it is not waited for (one that hangs in a file system may not die soon).
/// One that another process has forked, and looks after, is left to that.
class Child {
  public:
    Child(Child&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)), ours_(other.ours_), channel_(std::move(other.channel_)) {}
    Child& operator=(Child&& other) noexcept {
        if (this != &other) {
            kill();
            pid_ = std::exchange(other.pid_, -1);
            ours_ = other.ours_;
            channel_ = std::move(other.channel_);
        }
        return *this;
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    ~Child() { kill(); }

    /// Forks. `body(int fd)` runs in the child with its end of a SOCK_SEQPACKET pair; what it returns
    /// is the child's exit status, through _exit(2); an exception that leaves it aborts the child.
    /// From then on both stay on the CPU that they are on: they take turns, and a turn is shorter than it
    /// takes to wake another CPU.
    /// @errors those of socketpair(2) and fork(2)
    template <class Body>
    [[nodiscard]] static Result<Child> spawn(Body&& body) {
        stay_on_this_cpu();
        return spawn_ahead(std::forward<Body>(body));
    }

    /// The same for a child that waits for something to do: each may be on any CPU, until come_together().
    template <class Body>
    [[nodiscard]] static Result<Child> spawn_ahead(Body&& body) {
        auto forked = fork_with_channel();
        if (!forked) return propagate(forked);
        // An exception must not come out of here into the parent's code, which would run twice then.
        if (forked->pid == 0)
            exit_now([&]() noexcept { return std::forward<Body>(body)(forked->channel.get()); }());
        return Child(forked->pid, std::move(forked->channel));
    }

    /// Takes a child of another process over, as far as the channel to it goes.
    [[nodiscard]] static Child adopt(UniqueFd channel) {
        Child child(-1, std::move(channel));
        child.ours_ = false;
        return child;
    }
    /// Its number, once it has said so.
    void name(pid_t pid) noexcept { pid_ = pid; }

    /// From now on both stay on the CPU that the caller is on.
    void come_together() const;

    /// The caller may be on any CPU again.
    static void be_anywhere();

    /// Sends the child one message, with copies of the descriptors.
    /// @param descriptors  kDescriptorsMost at most
    /// @return 0 or an errno; EPIPE where the child has ended
    [[nodiscard]] int send(std::span<const std::byte> message, std::span<const int> descriptors) const;

    [[nodiscard]] pid_t pid() const noexcept { return pid_; }
    /// For poll(2), where several are waited for: readable once a message, or the end, is there.
    [[nodiscard]] int channel() const noexcept { return channel_.get(); }

    /// Waits for the one message.
    /// @return its size in bytes
    /// @errors ETIMEDOUT the deadline passed; EPIPE the child ended without a message;
    ///         EMSGSIZE it does not fit into `buffer`, or descriptors came with it; those of recvmsg(2)
    [[nodiscard]] Result<std::size_t> receive(std::span<std::byte> buffer, const Deadline& deadline);

    /// Waits for the child's end and takes its status, for at most until the deadline.
    /// @return the status as waitpid(2) gives it
    /// @errors ETIMEDOUT; ECHILD it is another process' child; those of waitpid(2)
    [[nodiscard]] Result<int> wait(const Deadline& deadline);

    /// Sends SIGKILL where the child has not been waited for. Its number cannot have been reused then.
    /// Another process' child is left alone: its number may be.
    void kill() noexcept;

    /// Gives the child up: it is neither killed nor waited for.
    void abandon() noexcept { pid_ = -1; }

  private:
    template <class Body>
    friend Result<pid_t> spawn_alone(Body&& body);
    template <class Body>
    friend int spawn_sibling(Body&& body);
    struct Forked {
        pid_t pid;
        UniqueFd channel;
    };
    Child(pid_t pid, UniqueFd channel) : pid_(pid), channel_(std::move(channel)) {}
    [[nodiscard]] static Result<Forked> fork_with_channel();
    [[nodiscard]] static Result<pid_t> fork_alone();
    [[nodiscard]] static pid_t fork_sibling();
    static void stay_on_this_cpu();
    [[noreturn]] static void exit_now(int status);

    pid_t pid_;
    bool ours_ = true;
    UniqueFd channel_;
};

/// Forks a child of the caller's own parent: that is who waits for it, and with whom it can be made to end.
/// No handlers of pthread_atfork(3) run. `body` as in Child::spawn().
/// @return 0 or the errno of clone(2)
template <class Body>
[[nodiscard]] int spawn_sibling(Body&& body) {
    const pid_t pid = Child::fork_sibling();
    if (pid == 0) Child::exit_now([&]() noexcept { return std::forward<Body>(body)(); }());
    return pid < 0 ? -pid : 0;
}

/// Forks without any tie: the child has no channel, and may be on any CPU. `body` as in Child::spawn().
/// @return the child's process id, to be waited for by the caller
/// @errors those of fork(2)
template <class Body>
[[nodiscard]] Result<pid_t> spawn_alone(Body&& body) {
    auto pid = Child::fork_alone();
    if (pid && *pid == 0) Child::exit_now([&]() noexcept { return std::forward<Body>(body)(); }());
    return pid;
}

/// Descriptors that come with one message.
inline constexpr std::size_t kDescriptorsMost = 8;

/// What a child was sent.
struct ChildMessage {
    std::size_t size = 0;  ///< bytes; 0: the parent has gone
    std::vector<UniqueFd> descriptors;
};

/// Waits, within the child, for what Child::send() sends; without a deadline.
/// @errors EMSGSIZE it does not fit into `buffer`, or more descriptors came than allowed; those of recvmsg(2)
[[nodiscard]] Result<ChildMessage> receive_from_parent(int channel_fd, std::span<std::byte> buffer);

/// Sends the one message from within the child. @return 0 or an errno
[[nodiscard]] int send_message(int channel_fd, std::span<const std::byte> message);

/// Sends it, and sleeps until the parent has closed its end: what a dying process has to take down would
/// otherwise come before the parent's turn, and somebody waits for the parent. @return 0 or an errno
[[nodiscard]] int send_last_message(int channel_fd, std::span<const std::byte> message);

}  // namespace nsutil
