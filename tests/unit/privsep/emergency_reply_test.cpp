#include "privsep/emergency_reply.hpp"

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <vector>

#include "nsutil/child.hpp"
#include "nsutil/sandbox.hpp"
#include "support/must.hpp"

namespace nsupcall {
namespace {

using namespace std::chrono_literals;
using nsutil::Child;
using nsutil::Deadline;
using test::must;

Reply with_trace(const char* name) {
    Reply reply;
    reply.code = EHOSTUNREACH;
    reply.message = "not yet";
    reply.trace.add({"default", name, Verdict::kdc_unreachable, "labu1@LAB.TEST", 7, ""});
    return reply;
}

/// What the broker gets of a worker that runs `body`.
nsutil::Result<Reply> reply_of(int (*body)(int fd)) {
    auto child = must(Child::spawn(body));
    std::vector<std::byte> buffer(kReplyLimit);
    const auto size = child.receive(buffer, Deadline::after(20s));
    if (!size) return std::unexpected(size.error());
    return decode_reply(std::span(buffer).first(*size));
}

[[noreturn]] void hang() {
    for (;;) ::pause();
}

TEST(EmergencyReply, OutOfTime_TellsWhatWasTried_BeforeTheDeadline) {
    const auto begin = std::chrono::steady_clock::now();
    const auto reply = must(reply_of([](int fd) {
        if (EmergencyReply::arm(fd, Deadline::after(1s)) != 0) return 1;
        EmergencyReply::remember(with_trace("FILE:/tmp/x"));
        hang();
    }));
    const auto took = std::chrono::steady_clock::now() - begin;
    EXPECT_EQ(WorkerEnd::out_of_time, reply.end);
    EXPECT_EQ(ETIMEDOUT, reply.code);
    EXPECT_EQ(with_trace("FILE:/tmp/x").trace, reply.trace);
    EXPECT_GE(took, 500ms);
    EXPECT_LT(took, 1s) << "the broker would have given up";
}

TEST(EmergencyReply, DeadlineNearlyPassed_FiresAtOnce) {
    const auto reply = must(reply_of([](int fd) {
        EmergencyReply::remember(with_trace("x"));
        if (EmergencyReply::arm(fd, Deadline::after(1ms)) != 0) return 1;
        hang();
    }));
    EXPECT_EQ(WorkerEnd::out_of_time, reply.end);
}

TEST(EmergencyReply, LastRememberedCounts) {
    const auto reply = must(reply_of([](int fd) {
        if (EmergencyReply::arm(fd, Deadline::after(600ms)) != 0) return 1;
        for (const char* name : {"1", "2", "3", "4", "5"}) EmergencyReply::remember(with_trace(name));
        hang();
    }));
    ASSERT_EQ(1U, reply.trace.candidates().size());
    EXPECT_EQ("5", reply.trace.candidates()[0].name);
}

TEST(EmergencyReply, ForbiddenCall_IsNamed) {
    const auto reply = must(reply_of([](int fd) {
        if (EmergencyReply::arm(fd, Deadline::after(20s)) != 0) return 1;
        EmergencyReply::remember(with_trace("x"));
        const std::array<sock_filter, 4> trap = {
            sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_chdir, 0, 1),
            sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
            sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
        if (nsutil::set_no_new_privs() != 0 || nsutil::install_seccomp(trap) != 0) return 1;
        (void)!::chdir("/");
        return 0;
    }));
    EXPECT_EQ(WorkerEnd::forbidden_call, reply.end);
    EXPECT_EQ(EACCES, reply.code);
    EXPECT_EQ(static_cast<std::uint32_t>(SYS_chdir), reply.forbidden_call);
    EXPECT_EQ(1U, reply.trace.candidates().size());
}

TEST(EmergencyReply, NothingRemembered_EndsAllTheSame) {
    const auto reply = reply_of([](int fd) {
        if (EmergencyReply::arm(fd, Deadline::after(300ms)) != 0) return 1;
        hang();
    });
    ASSERT_FALSE(reply);
    EXPECT_EQ(EPIPE, reply.error().code);
}

TEST(EmergencyReply, BrokerGone_IsNoSignal) {
    auto child = must(Child::spawn([](int fd) {
        EmergencyReply::remember(with_trace("x"));
        int pair[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) return 3;
        ::close(pair[0]);
        if (::dup2(pair[1], fd) < 0 || EmergencyReply::arm(fd, Deadline::after(300ms)) != 0) return 4;
        hang();
    }));
    const int status = must(child.wait(Deadline::after(20s)));
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(1, WEXITSTATUS(status));
}

}  // namespace
}  // namespace nsupcall
