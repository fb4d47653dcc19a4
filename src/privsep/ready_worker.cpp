#include "privsep/ready_worker.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "nsutil/sandbox.hpp"
#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/reply.hpp"
#include "privsep/sealed_job.hpp"
#include "spnego/rehearsal.hpp"

namespace nsupcall {
namespace {

/// Gives up what no task needs. @return whether it is done
bool prepare(BoundaryHead& head, pid_t broker, int channel_fd) {
    const std::array<int, 1> keep = {channel_fd};
    // The broker's own descriptors first: a broker that is gone must not seem to listen.
    if (nsutil::close_all_but(keep) != 0 || EmergencyReply::arm_handlers(channel_fd) != 0) return false;
    // A kernel without close_range(2) closes each number up to the limit; the boundary, in a hurry, does it
    // again.
    const rlimit few = {kWorkerOpenFiles, kWorkerOpenFiles};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return false;
    if (begin_boundary(head) || drop_bounding_set_ahead(head)) return false;
    // It may have ended before there was a tie to it.
    return ::getppid() == broker;
}

void rehearse() {
    (void)rehearse_token();
    Reply reply;
    reply.code = ETIMEDOUT;
    // It has two places for it.
    for (int at = 0; at < 2; ++at) EmergencyReply::remember(reply);
}

}  // namespace

nsutil::Result<ReadyWorker> ReadyWorker::start(Show show, bool rehearsed) {
    const pid_t broker = ::getpid();
    auto child = nsutil::Child::spawn_ahead(
        [&](int channel_fd) { return run_ready_worker(show, rehearsed, broker, channel_fd); });
    if (!child) return nsutil::propagate(child, "ready worker");
    return ReadyWorker(std::move(*child));
}

std::optional<nsutil::Child> ReadyWorker::give(const WorkerTask& task, const nsutil::Deadline& deadline) {
    if (!child_) return std::nullopt;
    const auto message = encode_task(task, title_, deadline);
    if (!message) return std::nullopt;
    auto child = std::exchange(child_, std::nullopt);
    child->come_together();
    if (child->send(message->bytes, message->descriptors) != 0) return std::nullopt;
    return child;
}

int run_ready_worker(ReadyWorker::Show show, bool rehearsed, pid_t broker, int channel_fd) {
    BoundaryHead head;
    if (!prepare(head, broker, channel_fd)) return 1;
    if (rehearsed) rehearse();
    static std::byte buffer[kTaskMessageLimit];
    auto message = nsutil::receive_from_parent(channel_fd, buffer);
    if (!message) return 1;
    if (message->size == 0) return 0;
    auto received = decode_task(std::span(buffer).first(message->size), std::move(message->descriptors));
    if (!received) {
        Reply reply;
        set_failure(reply, received.error());
        return nsutil::send_last_message(channel_fd, encode_reply(reply)) == 0 ? 0 : 1;
    }
    if (show != nullptr) show(received->title);
    return run_prepared_worker(received->task, head, broker, channel_fd, received->deadline);
}

}  // namespace nsupcall
