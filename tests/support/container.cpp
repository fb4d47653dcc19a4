#include "support/container.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "support/container_setup.hpp"

namespace nsupcall::test {
namespace {

using nsutil::Result;
using nsutil::UniqueFd;

constexpr int kReadyLimitMs = 20000;

/// Says over the control socket why the container can't be, and ends.
[[noreturn]] void give_up(int control, const nsutil::Error& error) {
    const std::string text = fmt::format("E{}", error.text());
    (void)::send(control, text.data(), text.size(), MSG_NOSIGNAL);
    ::_exit(1);
}

void wait_for_go(int control) {
    char go = 0;
    if (::recv(control, &go, 1, 0) != 1) ::_exit(1);
}

/// The keeper of the outer of two user namespaces: it alone may write the inner one's maps.
[[noreturn]] void keep_outer(const ContainerSpec& spec, int requester_fd, int control) {
    if (auto done = inside::become_first_mapped(*spec.user); !done) give_up(control, done.error());
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) ::_exit(1);
    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const pid_t inner = inside::clone_process(inside::clone_flags(spec));
    if (inner < 0) give_up(control, nsutil::fail_errno("clone the nested namespace").error());
    if (inner == 0) {
        (void)::close(pair[0]);
        wait_for_go(pair[1]);
        auto failed = inside::become_requester(spec, requester_fd, control);
        give_up(control, failed.error());
    }
    (void)::close(pair[1]);
    if (auto written = inside::write_maps(inner, *spec.nested_user); !written)
        give_up(control, written.error());
    (void)::send(pair[0], "G", 1, MSG_NOSIGNAL);
    (void)::close(control);
    int status = 0;
    (void)::waitpid(inner, &status, 0);
    ::_exit(0);
}

/// The only task of `pid` besides its leader.
Result<pid_t> other_thread(pid_t pid) {
    std::error_code failed;
    for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), failed)) {
        const pid_t tid = std::atoi(entry.path().filename().c_str());
        if (tid > 0 && tid != pid) return tid;
    }
    return nsutil::fail(ESRCH, "the container's process has no second thread");
}

}  // namespace

Result<Container> Container::start(const ContainerSpec& spec) {
    UniqueFd requester(::open(NSUPCALL_REQUESTER_PATH, O_RDONLY | O_CLOEXEC));
    if (!requester) return nsutil::fail_errno("open " NSUPCALL_REQUESTER_PATH);
    // The low numbers are taken in the child: 3 becomes the control socket.
    constexpr int kOutOfTheWay = 16;
    requester = UniqueFd(::fcntl(requester.get(), F_DUPFD_CLOEXEC, kOutOfTheWay));
    if (!requester) return nsutil::fail_errno("duplicate the requester's descriptor");
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return nsutil::fail_errno("socketpair");
    Container container;
    container.control_ = UniqueFd(pair[0]);
    UniqueFd theirs(pair[1]);
    // The kernel adds the sender's pid to each message, translated into this process's pid namespace.
    const int on = 1;
    if (::setsockopt(container.control_.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) {
        return nsutil::fail_errno("SO_PASSCRED");
    }
    const bool nested = spec.nested_user.has_value();
    const int flags = nested ? CLONE_NEWUSER : inside::clone_flags(spec);
    (void)::fflush(nullptr);
    const pid_t child = inside::clone_process(flags);
    if (child < 0) return nsutil::fail_errno("clone a container");
    if (child == 0) {
        container.control_.reset();
        container.child_ = -1;
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        wait_for_go(theirs.get());
        if (nested) keep_outer(spec, requester.get(), theirs.get());
        auto failed = inside::become_requester(spec, requester.get(), theirs.get());
        give_up(theirs.get(), failed.error());
    }
    theirs.reset();
    container.child_ = child;
    container.uid_ = spec.uid;
    container.gid_ = spec.gid;
    container.has_user_ = spec.user.has_value();
    container.has_mount_ = spec.mount_namespace;
    if (spec.user) {
        if (auto written = inside::write_maps(child, *spec.user); !written)
            return std::unexpected(written.error());
    }
    if (::send(container.control_.get(), "G", 1, MSG_NOSIGNAL) != 1)
        return nsutil::fail_errno("let the container go on");
    if (auto ready = container.await_ready(); !ready) return nsutil::propagate(ready, "container");
    container.tid_ = container.pid_;
    if (spec.task != TaskKind::leader) {
        const auto tid = other_thread(container.pid_);
        if (!tid) return std::unexpected(tid.error());
        container.tid_ = *tid;
    }
    const std::string net = fmt::format("/proc/{}/task/{}/ns/net", container.pid_, container.tid_);
    container.netns_ = UniqueFd(::open(net.c_str(), O_RDONLY | O_CLOEXEC));
    if (!container.netns_) return nsutil::fail_errno("open the container's network namespace");
    return container;
}

Result<void> Container::await_ready() {
    pollfd waiting{control_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kReadyLimitMs) <= 0) return nsutil::fail(ETIMEDOUT, "not ready in time");
    char text[1024];
    iovec part{text, sizeof text};
    alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = ancillary;
    message.msg_controllen = sizeof ancillary;
    const ssize_t size = ::recvmsg(control_.get(), &message, MSG_CMSG_CLOEXEC);
    if (size <= 0) return nsutil::fail(ECHILD, "ended before it was ready");
    if (text[0] == 'E') return nsutil::fail(EIO, std::string(text + 1, static_cast<std::size_t>(size) - 1));
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header == nullptr || header->cmsg_type != SCM_CREDENTIALS)
        return nsutil::fail(EIO, "no credentials came along");
    ucred sender{};
    std::memcpy(&sender, CMSG_DATA(header), sizeof sender);
    pid_ = sender.pid;
    pidfd_ = UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    if (!pidfd_) return nsutil::fail_errno("pidfd_open");
    return {};
}

Container& Container::operator=(Container&& other) noexcept {
    if (this == &other) return *this;
    stop();
    child_ = std::exchange(other.child_, -1);
    pid_ = std::exchange(other.pid_, -1);
    tid_ = std::exchange(other.tid_, -1);
    pidfd_ = std::move(other.pidfd_);
    control_ = std::move(other.control_);
    netns_ = std::move(other.netns_);
    uid_ = other.uid_;
    gid_ = other.gid_;
    has_user_ = other.has_user_;
    has_mount_ = other.has_mount_;
    return *this;
}

Result<int> Container::run(const std::function<int()>& body, std::uint32_t uid, std::uint32_t gid) const {
    // Opened first: after the first setns the host's /proc may be out of reach.
    const std::string proc = fmt::format("/proc/{}/task/{}/", pid_, tid_);
    UniqueFd user(::open((proc + "ns/user").c_str(), O_RDONLY | O_CLOEXEC));
    UniqueFd mounts(::open((proc + "ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
    UniqueFd root(::open((proc + "root").c_str(), O_PATH | O_CLOEXEC));
    if (!user || !mounts || !root) return nsutil::fail_errno("open the container's namespaces");
    (void)::fflush(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return nsutil::fail_errno("fork");
    if (child == 0) {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const bool inside_all = (!has_mount_ || ::setns(mounts.get(), CLONE_NEWNS) == 0) &&
                                ::setns(netns_.get(), CLONE_NEWNET) == 0 &&
                                (!has_user_ || ::setns(user.get(), CLONE_NEWUSER) == 0) &&
                                ::fchdir(root.get()) == 0 && ::chroot(".") == 0 &&
                                inside::take_ids(uid, gid, {});
        if (!inside_all) {
            ::perror("enter the container");
            ::_exit(255);
        }
        int code = 254;
        try {
            code = body();
        } catch (const std::exception& thrown) {
            ::dprintf(2, "in the container: %s\n", thrown.what());
        }
        (void)::fflush(nullptr);
        ::_exit(code);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status)) return nsutil::fail(EIO, "the process that entered the container was killed");
    return WEXITSTATUS(status);
}

Result<void> Container::add_file(const ContainerFile& file) const {
    const auto code = run(
        [&file] {
            auto put = inside::put_file(file, file.path);
            if (!put) ::dprintf(2, "%s\n", put.error().text().c_str());
            return put ? 0 : 1;
        },
        file.uid.value_or(uid_), file.gid.value_or(gid_));
    if (!code) return std::unexpected(code.error());
    if (*code != 0) return nsutil::fail(EIO, "could not put " + file.path + " into the container");
    return {};
}

void Container::stop() {
    if (child_ <= 0) return;
    if (pidfd_) {
        (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0);
        pollfd waiting{pidfd_.get(), POLLIN, 0};
        (void)::poll(&waiting, 1, 5000);
    }
    // The keeper of an outer namespace reaps the process and ends by itself. Killed earlier, it would leave a
    // zombie.
    int status = 0;
    for (int i = 0; i < 1000 && ::waitpid(child_, &status, WNOHANG) == 0; ++i) {
        if (i > 500 || !pidfd_) (void)::kill(child_, SIGKILL);
        ::usleep(1000);
    }
    child_ = -1;
}

}  // namespace nsupcall::test
