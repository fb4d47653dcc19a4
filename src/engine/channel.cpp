#include "engine/channel.hpp"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "nsutil/deadline.hpp"
#include "nsutil/task.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::propagate;
using nsutil::Result;

constexpr auto kOutcomePatience = std::chrono::milliseconds(1000);
constexpr auto kQuestionPatience = std::chrono::milliseconds(1000);

/// @return whether there is something to read
bool await_message(int fd, std::chrono::milliseconds patience) {
    const auto deadline = nsutil::Deadline::after(patience);
    do {
        pollfd waiting = {fd, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, deadline.remaining_ms());
        if (ready > 0) return true;
        if (ready < 0 && errno != EINTR) return false;
    } while (!deadline.passed());
    return false;
}

struct Received {
    std::size_t size = 0;
    std::optional<ucred> sender;
    nsutil::UniqueFd descriptor;
    bool cut = false;  ///< something did not fit
};

Result<Received> receive(int fd, std::span<char> buffer) {
    iovec part = {buffer.data(), buffer.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(sizeof(int))> control = {};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    ssize_t got = 0;
    do got = ::recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0) return fail_errno("recvmsg");
    Received received;
    received.size = static_cast<std::size_t>(got);
    received.cut = (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0;
    for (auto* head = CMSG_FIRSTHDR(&message); head != nullptr; head = CMSG_NXTHDR(&message, head)) {
        if (head->cmsg_level != SOL_SOCKET) continue;
        if (head->cmsg_type == SCM_CREDENTIALS && head->cmsg_len == CMSG_LEN(sizeof(ucred))) {
            received.sender.emplace();
            std::memcpy(&*received.sender, CMSG_DATA(head), sizeof(ucred));
        }
        if (head->cmsg_type == SCM_RIGHTS && head->cmsg_len == CMSG_LEN(sizeof(int))) {
            int descriptor = -1;
            std::memcpy(&descriptor, CMSG_DATA(head), sizeof descriptor);
            received.descriptor = nsutil::UniqueFd(descriptor);
        }
    }
    return received;
}

/// Who connected, pinned: while this says that it lives, its number is nobody else's.
class Peer {
  public:
    static Result<Peer> of(int channel_fd) {
        Peer peer;
        socklen_t size = sizeof peer.who_;
        if (::getsockopt(channel_fd, SOL_SOCKET, SO_PEERCRED, &peer.who_, &size) != 0)
            return fail_errno("SO_PEERCRED");
        int pidfd = -1;
        size = sizeof pidfd;
        if (::getsockopt(channel_fd, SOL_SOCKET, kPeerPidfd, &pidfd, &size) == 0)
            peer.pidfd_ = nsutil::UniqueFd(pidfd);
        return peer;
    }
    [[nodiscard]] const ucred& who() const { return who_; }
    /// True as well where the kernel cannot tell (before Linux 6.5).
    [[nodiscard]] bool lives() const {
        if (!pidfd_) return true;
        pollfd ended = {pidfd_.get(), POLLIN, 0};
        return ::poll(&ended, 1, 0) == 0;
    }

  private:
    static constexpr int kPeerPidfd = 77;  // SO_PEERPIDFD, which glibc 2.36 does not know
    ucred who_ = {};
    nsutil::UniqueFd pidfd_;
};

/// The number of a uid says nothing of the user namespace that it is root of, and root of a container may
/// have been given the folder with the socket. With CAP_SYS_ADMIN it may also put another's process id on a
/// message: whoever connected cannot be made up.
Result<void> verify_sender(int channel_fd, const ucred& sender, const nsutil::NamespaceView& own) {
    auto peer = Peer::of(channel_fd);
    if (!peer) return propagate(peer);
    if (sender.uid != 0 || peer->who().uid != 0)
        return fail(EPERM, "asked by uid " + std::to_string(sender.uid != 0 ? sender.uid : peer->who().uid));
    if (sender.pid != peer->who().pid)
        return fail(EPERM, "process " + std::to_string(peer->who().pid) + " asks in the name of " +
                               std::to_string(sender.pid));
    auto task = nsutil::Task::open(sender.pid);
    if (!task) return propagate(task, "who asks");
    auto view = nsutil::NamespaceView::of_task(*task);
    if (!view) return propagate(view, "who asks");
    if (!peer->lives())
        return fail(EPERM, "asked by process " + std::to_string(sender.pid) + ", which has ended");
    if (*view != own)
        return fail(EPERM,
                    "asked by process " + std::to_string(sender.pid) + ", which is in other namespaces");
    return {};
}

}  // namespace

Result<Question> parse_question(std::span<const char> message) {
    const auto bad = [](const char* what) {
        return fail(EPROTO, std::string("the question is malformed: ") + what);
    };
    Ask ask;
    if (message.size() < sizeof ask) return bad("too short");
    std::memcpy(&ask, message.data(), sizeof ask);
    static constexpr Ask kOurs = [] {
        Ask ours;
        std::copy_n(NSUPCALL_VERSION, sizeof NSUPCALL_VERSION, ours.version);
        return ours;
    }();
    if (ask.magic != kAskMagic) return bad("magic");
    if (ask.protocol != kProtocol || std::memcmp(ask.version, kOurs.version, sizeof ask.version) != 0)
        return bad("of another version");
    if (ask.key <= 0) return bad("key");
    if (ask.arguments == 0 || ask.arguments > kArgumentsMost || ask.argument_bytes > kArgumentBytesMost ||
        ask.description_bytes == 0 || ask.description_bytes > kDescriptionMost ||
        message.size() != sizeof ask + ask.argument_bytes + ask.description_bytes)
        return bad("lengths");
    Question question;
    question.key = ask.key;
    question.started_ns = ask.started_ns;
    auto words = message.subspan(sizeof ask, ask.argument_bytes);
    while (!words.empty()) {
        const auto end = std::ranges::find(words, '\0');
        if (end == words.end()) return bad("argument without an end");
        question.arguments.emplace_back(words.begin(), end);
        words = {end + 1, words.end()};
    }
    if (question.arguments.size() != ask.arguments) return bad("number of arguments");
    const auto description = message.last(ask.description_bytes);
    if (std::ranges::find(description, '\0') != description.end()) return bad("description");
    question.description.assign(description.begin(), description.end());
    return question;
}

Result<Question> receive_question(int channel_fd, const nsutil::NamespaceView& own) {
    static std::array<char, kAskMost + 1> buffer;
    if (!await_message(channel_fd, kQuestionPatience)) return fail(ETIMEDOUT, "no question came");
    auto received = receive(channel_fd, buffer);
    if (!received) return propagate(received);
    if (received->cut || !received->sender) return fail(EPROTO, "more, or less, came than a question");
    if (auto genuine = verify_sender(channel_fd, *received->sender, own); !genuine) return propagate(genuine);
    auto question = parse_question(std::span(buffer).first(received->size));
    ::explicit_bzero(buffer.data(), received->size);
    if (!question) return question;
    if (!received->descriptor) return fail(EPROTO, "no descriptor came with the question");
    question->keys = std::move(received->descriptor);
    return question;
}

int send_answer(int channel_fd, const Answer& answer, std::span<const std::byte> payload) {
    const iovec parts[] = {{const_cast<Answer*>(&answer), sizeof answer},
                           {const_cast<std::byte*>(payload.data()), payload.size()}};
    msghdr message = {};
    message.msg_iov = const_cast<iovec*>(parts);
    message.msg_iovlen = payload.empty() ? 1 : 2;
    ssize_t sent = 0;
    do sent = ::sendmsg(channel_fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return errno;
    return static_cast<std::size_t>(sent) == sizeof answer + payload.size() ? 0 : EMSGSIZE;
}

int receive_outcome(int channel_fd) {
    if (!await_message(channel_fd, kOutcomePatience)) return ETIMEDOUT;
    Outcome outcome;
    const auto got = ::recv(channel_fd, &outcome, sizeof outcome, MSG_DONTWAIT);
    if (got != sizeof outcome || outcome.magic != kOutcomeMagic || outcome.code < 0 ||
        outcome.code > kErrnoMost)
        return ECONNRESET;
    return outcome.code;
}

}  // namespace nsupcall::engine
