/// @file
/// Who may ask an engine: root in the host's own namespaces, and nobody else.

#include "engine_support.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <filesystem>

#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
namespace wire = nsupcall::engine;

/// What an engine says to a question.
enum Heard : int { kCannotConnect = 10, kNothing, kDeclined, kAnswered };

class EnginePeers : public FrontTest {
  protected:
    void SetUp() override {
        FrontTest::SetUp();
        // Not below /tmp, which a container does not see.
        folder_in_run_ = fs::path("/run") / fmt::format("nsupcall-test-{}-engine", ::getpid());
        fs::create_directory(folder_in_run_);
        fs::permissions(folder_in_run_, fs::perms::owner_all | fs::perms::others_exec);
        engine_.emplace(must(TestEngine::start({"--idle=2"}, folder_in_run_)));
    }
    void TearDown() override {
        engine_.reset();
        fs::remove_all(folder_in_run_);
        FrontTest::TearDown();
    }

    [[nodiscard]] std::string question(const Container& container) const {
        wire::Ask ask;
        std::copy_n(NSUPCALL_VERSION, sizeof NSUPCALL_VERSION, ask.version);
        ask.key = 12345;
        std::string arguments;
        for (const char* word : {"cifs.upcall", "--test-type=cifs.spnego", "12345"})
            arguments.append(word).push_back('\0');
        const auto description = "user;0;0;3f010000;" + fields(container).description();
        ask.arguments = 3;
        ask.argument_bytes = static_cast<std::uint32_t>(arguments.size());
        ask.description_bytes = static_cast<std::uint32_t>(description.size());
        timespec now = {};
        (void)::clock_gettime(CLOCK_MONOTONIC, &now);
        ask.started_ns =
            static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
        return std::string(reinterpret_cast<const char*>(&ask), sizeof ask) + arguments + description;
    }

    /// Asks as the calling process is. Runs in forked children: system calls only.
    /// @param named  whose message it is said to be; 0: the kernel fills in the truth
    [[nodiscard]] static int hear(const sockaddr_un& address, const std::string& bytes, bool with_keys = true,
                                  pid_t named = 0) {
        const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return kCannotConnect;
        return ask_on(fd, bytes, with_keys, named) ? hear_on(fd) : kNothing;
    }

    [[nodiscard]] static bool ask_on(int fd, const std::string& bytes, bool with_keys, pid_t named) {
        iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(ucred))] = {};
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        const auto add = [&](int type, const void* data, std::size_t size) {
            auto* head = reinterpret_cast<cmsghdr*>(control + message.msg_controllen);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = type;
            head->cmsg_len = CMSG_LEN(size);
            std::memcpy(CMSG_DATA(head), data, size);
            message.msg_controllen += CMSG_SPACE(size);
        };
        const int keys = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        const ucred who = {named, 0, 0};
        if (with_keys) add(SCM_RIGHTS, &keys, sizeof keys);
        if (named != 0) add(SCM_CREDENTIALS, &who, sizeof who);
        return ::sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
    }

    [[nodiscard]] static int hear_on(int fd) {
        static std::array<char, 128 * 1024> reply;
        pollfd waiting = {fd, POLLIN, 0};
        if (::poll(&waiting, 1, 10'000) != 1) return kNothing;
        const auto got = ::recv(fd, reply.data(), reply.size(), 0);
        if (got < static_cast<ssize_t>(sizeof(wire::Answer))) return kNothing;
        wire::Answer answer;
        std::memcpy(&answer, reply.data(), sizeof answer);
        return answer.verb == wire::Verb::instantiate ? kAnswered : kDeclined;
    }

    /// A process of the host's root that has just this number; 0 where others were faster.
    [[nodiscard]] static pid_t take_number(pid_t wanted) {
        clone_args arguments = {};
        arguments.exit_signal = SIGCHLD;
        arguments.set_tid = reinterpret_cast<std::uint64_t>(&wanted);
        arguments.set_tid_size = 1;
        for (int tries = 0; tries < 200; ++tries) {
            const long child = ::syscall(SYS_clone3, &arguments, sizeof arguments);
            if (child == 0) {
                (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
                for (;;) (void)::pause();
            }
            if (child > 0) return static_cast<pid_t>(child);
            // The last one of that number may not be quite gone.
            (void)::usleep(5000);
        }
        return 0;
    }

    fs::path folder_in_run_;
    std::optional<TestEngine> engine_;
};

TEST_F(EnginePeers, RootOfTheHost_IsAnswered) {
    // What the others are refused for is not their question.
    const auto container = container_with_ticket();
    EXPECT_EQ(kAnswered, hear(socket_address(engine_->socket()), question(container)));
}

TEST_F(EnginePeers, RootOfAContainer_IsRefused) {
    const auto with_ticket = container_with_ticket();
    const auto address = socket_address(engine_->socket());
    const auto bytes = question(with_ticket);
    ContainerSpec own_mounts, own_network;
    own_network.net_namespace = true;
    own_network.mount_namespace = false;
    for (const auto* spec : {&own_mounts, &own_network}) {
        const auto container = must(Container::start(*spec));
        EXPECT_EQ(kDeclined, must(container.run([&] { return hear(address, bytes); }, 0, 0)));
    }
}

TEST_F(EnginePeers, RootOfAUserNamespace_IsRefusedAlsoWhereItIsUidZero) {
    const auto with_ticket = container_with_ticket();
    ContainerSpec spec;
    spec.user = UserNamespaceSpec::same({{0, 0, 65536}});
    const auto container = must(Container::start(spec));
    const auto heard = must(container.run([&, address = socket_address(engine_->socket()),
                                           bytes = question(with_ticket)] { return hear(address, bytes); },
                                          0, 0));
    EXPECT_EQ(kDeclined, heard);
}

TEST_F(EnginePeers, RootOfAContainer_InTheNameOfAProcessOfTheHost_IsRefused) {
    // It shares the host's pid namespace, and has CAP_SYS_ADMIN: the kernel lets it say whose message it is.
    const auto with_ticket = container_with_ticket();
    const auto address = socket_address(engine_->socket());
    const auto bytes = question(with_ticket);
    const auto container = must(Container::start(ContainerSpec{}));
    const pid_t named = ::getpid();
    EXPECT_EQ(kDeclined, must(container.run([&] { return hear(address, bytes, true, named); }, 0, 0)));
}

TEST_F(EnginePeers, RootOfAContainer_WhoseNumberIsAHostProcesssByThen_IsRefused) {
    int pair[2];
    int pidfd = -1;
    socklen_t size = sizeof pidfd;
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    constexpr int kPeerPidfd = 77;
    if (::getsockopt(pair[0], SOL_SOCKET, kPeerPidfd, &pidfd, &size) != 0)
        NSUPCALL_SKIP("SO_PEERPIDFD is of Linux 6.5: the number alone counts here (docs/THREAT-MODEL.md)");
    const auto with_ticket = container_with_ticket();
    const auto address = socket_address(engine_->socket());
    const auto bytes = question(with_ticket);
    const auto container = must(Container::start(ContainerSpec{}));
    struct Shared {
        std::atomic<pid_t> asker;
        std::atomic<int> heard;
    };
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    ASSERT_NE(MAP_FAILED, memory);
    auto* shared = new (memory) Shared();
    const auto servants = engine_->servants();
    // Whoever asks comes before whoever looks.
    for (const pid_t servant : servants) ASSERT_EQ(0, ::kill(servant, SIGSTOP));
    EXPECT_EQ(0,
              must(container.run(
                  [&] {
                      const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
                      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
                          !ask_on(fd, bytes, true, 0))
                          return 1;
                      shared->asker = ::getpid();
                      // A child keeps the connection; the number is free.
                      if (::fork() == 0) shared->heard = hear_on(fd);
                      return 0;
                  },
                  0, 0)));
    const pid_t reused = take_number(shared->asker);
    for (const pid_t servant : servants) ASSERT_EQ(0, ::kill(servant, SIGCONT));
    EXPECT_NE(0, reused) << "the number of the process that asked could not be had";
    EXPECT_TRUE(eventually([&] { return shared->heard != 0; }));
    EXPECT_EQ(kDeclined, shared->heard);
    if (reused > 0) {
        (void)::kill(reused, SIGKILL);
        (void)::waitpid(reused, nullptr, 0);
    }
    (void)::munmap(memory, sizeof(Shared));
}

TEST_F(EnginePeers, Users_CannotEvenConnect) {
    const auto with_ticket = container_with_ticket();
    const auto address = socket_address(engine_->socket());
    const auto bytes = question(with_ticket);
    const auto as_user = [&] {
        const pid_t child = ::fork();
        if (child == 0) {
            if (::setgroups(0, nullptr) != 0 || ::setresgid(60, 60, 60) != 0 || ::setresuid(5, 5, 5) != 0)
                ::_exit(2);
            ::_exit(hear(address, bytes));
        }
        int status = 0;
        (void)::waitpid(child, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    };
    EXPECT_EQ(kCannotConnect, as_user());
    // An administrator who opens the folder changes nothing.
    fs::permissions(folder_in_run_ / "engine", fs::perms::all);
    fs::permissions(engine_->socket(), fs::perms::all);
    EXPECT_EQ(kDeclined, as_user());
}

TEST_F(EnginePeers, WhatIsNoQuestion_IsDeclined_AndHarmsNobody) {
    const auto container = container_with_ticket();
    const auto address = socket_address(engine_->socket());
    const auto good = question(container);
    EXPECT_EQ(kDeclined, hear(address, good, false)) << "no descriptor";
    for (std::size_t size : {std::size_t{1}, sizeof(wire::Ask) - 1, sizeof(wire::Ask), good.size() - 1})
        EXPECT_EQ(kDeclined, hear(address, good.substr(0, size))) << size;
    EXPECT_EQ(kDeclined, hear(address, good + "x"));
    for (std::size_t at = 0; at < sizeof(wire::Ask) - sizeof(std::uint64_t); at += 4) {
        auto bytes = good;
        bytes[at + 3] = static_cast<char>(bytes[at + 3] ^ 0x80);
        EXPECT_NE(kAnswered, hear(address, bytes)) << "byte " << at + 3;
    }
    EXPECT_EQ(kAnswered, hear(address, good));
}

}  // namespace
}  // namespace nsupcall::test
