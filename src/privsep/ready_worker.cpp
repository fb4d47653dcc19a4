#include "privsep/ready_worker.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "nsutil/sandbox.hpp"
#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/reply.hpp"
#include "privsep/sealed_job.hpp"
#include "spnego/rehearsal.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;

constexpr std::uint32_t kHelloMagic = 0x6e737768;

/// What a worker says first.
struct Hello {
    std::uint32_t magic = kHelloMagic;
    std::int32_t pid = 0;
};

/// Gives up what no worker needs. @return whether it is done
bool prepare_nursery(BoundaryHead& head, const NurseryPost& post) {
    std::array<int, 3> keep = {post.listen_fd, post.command_fd, post.told_fd};
    std::ranges::sort(keep);
    if (nsutil::close_all_but(keep) != 0 || EmergencyReply::arm_handlers(-1) != 0) return false;
    // A kernel without close_range(2) closes each number up to the limit; the boundary, in a hurry, does it
    // again.
    const rlimit few = {kWorkerOpenFiles, kWorkerOpenFiles};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return false;
    if (begin_boundary(head) || drop_bounding_set_ahead(head) || install_filter_ahead(head)) return false;
    (void)::close(head.status_fd);
    // It may have ended before there was a tie to it.
    return ::getppid() == post.parent;
}

/// The same for what is a worker's own: its ties, its keyring, its status. @return whether it is done
bool prepare_worker(BoundaryHead& head, const NurseryPost& post) {
    (void)nsutil::set_name("worker");
    (void)::close(post.command_fd);
    return !begin_boundary(head) && ::getppid() == post.parent;
}

void rehearse() {
    (void)rehearse_token();
    Reply reply;
    reply.code = ETIMEDOUT;
    // It has two places for it.
    for (int at = 0; at < 2; ++at) EmergencyReply::remember(reply);
}

/// Waits for a broker. @return the channel to it
nsutil::UniqueFd meet_broker(const NurseryPost& post) {
    int accepted = -1;
    do accepted = ::accept4(post.listen_fd, nullptr, nullptr, SOCK_CLOEXEC);
    while (accepted < 0 && (errno == EINTR || errno == ECONNABORTED));
    nsutil::UniqueFd channel(accepted);
    const pid_t self = ::getpid();
    (void)!::write(post.told_fd, &self, sizeof self);
    // A process that forks workers no more must not seem to have some.
    (void)::close(post.listen_fd);
    (void)::close(post.told_fd);
    const Hello hello = {.pid = self};
    if (channel && nsutil::send_message(channel.get(), std::as_bytes(std::span(&hello, 1))) != 0)
        channel.reset();  // it has given up waiting
    return channel;
}

int run_ready_worker(BoundaryHead head, const NurseryPost& post, bool rehearsed) {
    if (!prepare_worker(head, post)) return 1;
    if (rehearsed) rehearse();
    const auto channel = meet_broker(post);
    if (!channel) return 0;
    EmergencyReply::use_channel(channel.get());
    static std::byte buffer[kTaskMessageLimit];
    auto message = nsutil::receive_from_parent(channel.get(), buffer);
    if (!message) return 1;
    if (message->size == 0) return 0;
    auto received = decode_task(std::span(buffer).first(message->size), std::move(message->descriptors));
    if (!received) {
        Reply reply;
        set_failure(reply, received.error());
        return nsutil::send_last_message(channel.get(), encode_reply(reply)) == 0 ? 0 : 1;
    }
    if (post.show != nullptr) post.show(received->title);
    return run_prepared_worker(received->task, head, post.parent, channel.get(), received->deadline);
}

}  // namespace

nsutil::Result<ReadyWorker> ReadyWorker::meet(const WorkerSocket& socket,
                                              std::chrono::milliseconds patience) {
    auto channel = socket.connect();
    if (!channel) return nsutil::propagate(channel);
    auto child = nsutil::Child::adopt(std::move(*channel));
    Hello hello;
    auto size =
        child.receive(std::as_writable_bytes(std::span(&hello, 1)), nsutil::Deadline::after(patience));
    if (!size) return nsutil::propagate(size, "ready worker");
    if (*size != sizeof hello || hello.magic != kHelloMagic || hello.pid <= 0)
        return fail(EPROTO, "a worker does not say who it is");
    child.name(hello.pid);
    return ReadyWorker(std::move(child));
}

std::optional<nsutil::Child> ReadyWorker::give(const WorkerTask& task, const WorkerTitle& title,
                                               const nsutil::Deadline& deadline) {
    if (!child_) return std::nullopt;
    const auto message = encode_task(task, title, deadline);
    if (!message) return std::nullopt;
    auto child = std::exchange(child_, std::nullopt);
    child->come_together();
    if (child->send(message->bytes, message->descriptors) != 0) return std::nullopt;
    return child;
}

int run_nursery(const NurseryPost& post) {
    BoundaryHead head;
    if (!prepare_nursery(head, post)) return 1;
    for (;;) {
        char command = 0;
        const ssize_t got = ::read(post.command_fd, &command, 1);
        if (got < 0 && errno == EINTR) continue;
        if (got != 1) return 0;
        const bool rehearsed = command == static_cast<char>(NurseryCommand::rehearsed);
        if (nsutil::spawn_sibling([&] { return run_ready_worker(head, post, rehearsed); }) == 0) continue;
        const pid_t nobody = 0;
        (void)!::write(post.told_fd, &nobody, sizeof nobody);
    }
}

}  // namespace nsupcall
