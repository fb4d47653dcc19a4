/// @file
/// Who may ask an engine: root in the host's own namespaces, and nobody else.

#include "engine_support.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

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
    [[nodiscard]] static int hear(const sockaddr_un& address, const std::string& bytes,
                                  bool with_keys = true) {
        const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            return kCannotConnect;
        iovec part = {const_cast<char*>(bytes.data()), bytes.size()};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        const int keys = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (with_keys) {
            message.msg_control = control;
            message.msg_controllen = sizeof control;
            auto* head = CMSG_FIRSTHDR(&message);
            head->cmsg_level = SOL_SOCKET;
            head->cmsg_type = SCM_RIGHTS;
            head->cmsg_len = CMSG_LEN(sizeof(int));
            std::memcpy(CMSG_DATA(head), &keys, sizeof keys);
        }
        if (::sendmsg(fd, &message, MSG_NOSIGNAL) < 0) return kNothing;
        static std::array<char, 128 * 1024> reply;
        pollfd waiting = {fd, POLLIN, 0};
        if (::poll(&waiting, 1, 10'000) != 1) return kNothing;
        const auto got = ::recv(fd, reply.data(), reply.size(), 0);
        if (got < static_cast<ssize_t>(sizeof(wire::Answer))) return kNothing;
        wire::Answer answer;
        std::memcpy(&answer, reply.data(), sizeof answer);
        return answer.verb == wire::Verb::instantiate ? kAnswered : kDeclined;
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
