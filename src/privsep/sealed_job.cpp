#include "privsep/sealed_job.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

constexpr std::uint32_t kNobody = 65534;

/// What became of a child that sent no reply.
std::string describe_end(nsutil::Child& child) {
    constexpr auto kPatience = std::chrono::milliseconds(100);
    const auto status = child.wait(nsutil::Deadline::after(kPatience));
    if (!status) return status.error().code == ETIMEDOUT ? "it was still running" : "how, its parent knows";
    if (WIFSIGNALED(*status)) return std::string("killed by ") + ::sigdescr_np(WTERMSIG(*status));
    return "exit status " + std::to_string(WEXITSTATUS(*status));
}

Reply lost(Reply reply) {
    reply.worker_lost = true;
    return reply;
}

/// The child's half.
int work_sealed(const SealedJob& job, pid_t broker, int reply_fd, const nsutil::Deadline& deadline) {
    Reply reply = failed_reply(ETIMEDOUT, "the worker did not finish in time");
    EmergencyReply::remember(reply);
    if (job.prepare) job.prepare();
    const BoundaryPlan plan = {.namespaces = job.namespaces,
                               .host_uid = job.identity.host_uid,
                               .inside_uid = job.identity.inside_uid,
                               .host_gid = job.identity.host_gid,
                               .host_groups = job.identity.host_groups,
                               .parent = broker,
                               .reply_fd = reply_fd,
                               .write_directories = {},
                               .cpu_seconds = static_cast<unsigned>(deadline.remaining_ms() / 1000) + 1};
    const char* step = nullptr;
    int error = EmergencyReply::arm(reply_fd, deadline);
    if (error != 0)
        step = "arm the timer";
    else if (const auto failure = cross_boundary(plan)) {
        step = failure->step;
        error = failure->error;
    }
    reply = {};
    if (step != nullptr) {
        // Half-way across: say so in plain words and end; nothing else may run here.
        reply.code = error == EINVAL ? EACCES : error;
        reply.message = std::string("boundary: ") + step + ": " + ::strerror(error);
    } else if (const auto done = job.work(reply); !done) {
        set_failure(reply, done.error());
        reply.payload.clear();
    }
    return nsutil::send_last_message(reply_fd, encode_reply(reply)) == 0 ? 0 : 1;
}

/// What came of waiting for a worker's message, `size` bytes of `buffer`; wipes them.
Reply take_reply(nsutil::Child& worker, const Result<std::size_t>& size, std::span<std::byte> buffer) {
    if (!size) {
        if (size.error().code == ETIMEDOUT)
            return failed_reply(ETIMEDOUT, "the worker hung until the deadline");
        return lost(failed_reply(EKEYREJECTED, "the worker ended without a reply: " + describe_end(worker)));
    }
    auto reply = decode_reply(buffer.first(*size));
    ::explicit_bzero(buffer.data(), *size);
    if (!reply) return lost(failed_reply(EKEYREJECTED, reply.error().what));
    if (reply->end == WorkerEnd::forbidden_call) {
        reply->message = "the worker made the forbidden system call " + std::to_string(reply->forbidden_call);
        reply->worker_lost = true;
    } else if (reply->end == WorkerEnd::answered) {
        worker.abandon();  // it has nothing left to do but to exit
    }
    return std::move(*reply);
}

}  // namespace

Result<SealedIdentity> SealedIdentity::user(std::uint32_t host_uid, const Requester& requester,
                                            const nsutil::NamespaceSet& namespaces) {
    const auto inside_uid = namespaces.uid_map().to_inside(host_uid);
    if (!inside_uid)
        return fail(EACCES,
                    "uid " + std::to_string(host_uid) + " has no id in the requester's user namespace");
    SealedIdentity identity{.host_uid = host_uid, .inside_uid = *inside_uid};
    if (requester.runs_as(host_uid)) {
        identity.host_gid = requester.status.gids.real;
        identity.host_groups = requester.status.groups;
    }
    return identity;
}

Result<SealedIdentity> SealedIdentity::nobody(const nsutil::NamespaceSet& namespaces) {
    const auto& map = namespaces.uid_map();
    if (const auto host_uid = map.to_host(kNobody))
        return SealedIdentity{.host_uid = *host_uid, .inside_uid = kNobody};
    const auto& ranges = map.ranges();
    if (ranges.empty()) return fail(EACCES, "the requester's user namespace maps no id");
    const auto& last = *std::ranges::max_element(ranges, {}, &nsutil::IdMapRange::inside_first);
    return SealedIdentity{.host_uid = last.host_first + (last.count - 1),
                          .inside_uid = last.inside_first + (last.count - 1)};
}

Reply failed_reply(int code, std::string message) {
    Reply reply;
    reply.code = code;
    reply.message = std::move(message);
    return reply;
}

void set_failure(Reply& reply, const nsutil::Error& error) {
    reply.code = error.code > 0 && error.code <= kReplyErrnoMost ? error.code : EKEYREJECTED;
    reply.message = error.text();
}

Reply await_reply(nsutil::Child& worker, const nsutil::Deadline& deadline) {
    static std::byte buffer[kReplyLimit];
    const auto size = worker.receive(buffer, deadline);
    return take_reply(worker, size, buffer);
}

std::optional<Reply> reply_if_ready(nsutil::Child& worker, const nsutil::Deadline& deadline) {
    static std::byte buffer[kReplyLimit];
    const auto size = worker.receive(buffer, nsutil::Deadline::after(std::chrono::milliseconds(0)));
    if (!size && size.error().code == ETIMEDOUT && !deadline.passed()) return std::nullopt;
    return take_reply(worker, size, buffer);
}

Result<nsutil::Child> start_sealed(const SealedJob& job, const nsutil::Deadline& deadline) {
    const pid_t broker = ::getpid();
    auto child =
        nsutil::Child::spawn([&](int reply_fd) { return work_sealed(job, broker, reply_fd, deadline); });
    if (!child) return nsutil::propagate(child, "worker");
    return child;
}

Reply run_sealed(const SealedJob& job, const nsutil::Deadline& deadline) {
    auto child = start_sealed(job, deadline);
    if (!child) return failed_reply(child.error().code, child.error().text());
    return await_reply(*child, deadline);
}

}  // namespace nsupcall
