#include "hostile/sealed_run.hpp"

#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "nsutil/child.hpp"
#include "privsep/boundary.hpp"
#include "privsep/emergency_reply.hpp"
#include "privsep/reply.hpp"
#include "privsep/requester.hpp"

namespace nsupcall::test {
namespace {

std::optional<BoundaryFailure> cross(const BoundaryPlan& plan, Crossing crossing) {
    if (crossing == Crossing::at_once) return cross_boundary(plan);
    BoundaryHead head;
    if (auto failure = begin_boundary(head)) return failure;
    if (auto failure = drop_bounding_set_ahead(head)) return failure;
    if (auto failure = install_filter_ahead(head)) return failure;
    return cross_boundary(plan, head);
}

}  // namespace

nsutil::Result<std::string> run_sealed_in(const Container& container, std::uint32_t host_uid,
                                          const std::function<int()>& body, Crossing crossing) {
    constexpr auto kPatience = std::chrono::seconds(20);
    auto requester = Requester::open(container.tid());
    if (!requester) return nsutil::propagate(requester);
    const auto inside_uid = requester->namespaces.uid_map().to_inside(host_uid);
    if (!inside_uid) return nsutil::fail(EINVAL, "the user is not mapped there");
    const auto deadline = nsutil::Deadline::after(kPatience);
    const pid_t parent = ::getpid();
    auto child = nsutil::Child::spawn([&](int fd) {
        Reply reply;
        reply.code = ETIMEDOUT;
        EmergencyReply::remember(reply);
        if (const int error = EmergencyReply::arm(fd, deadline)) return error;
        const std::array<const char*, 1> write = {"/tmp"};
        const BoundaryPlan plan = {.namespaces = requester->namespaces,
                                   .host_uid = host_uid,
                                   .inside_uid = *inside_uid,
                                   .host_gid = requester->status.gids.real,
                                   .host_groups = requester->status.groups,
                                   .parent = parent,
                                   .reply_fd = fd,
                                   .write_directories = write,
                                   .cpu_seconds = 20};
        reply.code = EKEYREJECTED;
        if (const auto failure = cross(plan, crossing)) {
            reply.message =
                std::string("boundary: ") + failure->step + ": " + nsutil::errno_name(failure->error);
        } else {
            errno = 0;
            reply.message = body() == 0 ? "done" : nsutil::errno_name(errno);
        }
        return nsutil::send_message(fd, encode_reply(reply));
    });
    if (!child) return nsutil::propagate(child);
    std::vector<std::byte> buffer(kReplyLimit);
    auto size = child->receive(buffer, deadline);
    if (!size) {
        auto status = child->wait(nsutil::Deadline::after(std::chrono::seconds(1)));
        if (status && WIFSIGNALED(*status)) return fmt::format("killed by {}", WTERMSIG(*status));
        return nsutil::propagate(size);
    }
    const auto reply = decode_reply(std::span(buffer).first(*size));
    (void)child->wait(nsutil::Deadline::after(std::chrono::seconds(1)));
    if (!reply) return std::unexpected(reply.error());
    if (reply->end == WorkerEnd::forbidden_call) return fmt::format("forbidden {}", reply->forbidden_call);
    if (reply->message.starts_with("boundary")) return nsutil::fail(EIO, reply->message);
    return reply->message;
}

}  // namespace nsupcall::test
