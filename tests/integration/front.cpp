/// @file
/// The front end: whom it asks, what it believes, and what it becomes.

#include "engine_support.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include "engine/channel.hpp"
#include "support/forked_test.hpp"

namespace nsupcall::test {
namespace {

namespace wire = nsupcall::engine;

class Front : public FrontTest {
  protected:
    /// A socket at which this process plays the engine.
    nsutil::UniqueFd listen_at(const std::string& path) {
        nsutil::UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
        const auto address = socket_address(path);
        EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        EXPECT_EQ(0, ::listen(fd.get(), 8));
        return fd;
    }

    /// Asks, and answers the front end with these datagrams.
    KeyAnswer answer_with(const Container& container, const std::vector<std::string>& datagrams,
                          std::optional<wire::Outcome>* outcome = nullptr) {
        auto request = must(KeyRequest::start(fields(container).description()));
        pollfd waiting = {listener_.get(), POLLIN, 0};
        EXPECT_EQ(1, ::poll(&waiting, 1, 5000)) << "the front end does not ask";
        const nsutil::UniqueFd channel(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        std::array<char, wire::kAskMost> question;
        EXPECT_GT(::recv(channel.get(), question.data(), question.size(), 0), 0);
        for (const auto& datagram : datagrams)
            EXPECT_EQ(static_cast<ssize_t>(datagram.size()),
                      ::send(channel.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL));
        if (outcome != nullptr) {
            wire::Outcome told;
            pollfd telling = {channel.get(), POLLIN, 0};
            if (::poll(&telling, 1, 5000) == 1 &&
                ::recv(channel.get(), &told, sizeof told, 0) == static_cast<ssize_t>(sizeof told))
                outcome->emplace(told);
        } else {
            ::shutdown(channel.get(), SHUT_RDWR);
        }
        return must(request.finish());
    }

    void listen_and_use(const std::filesystem::path& front) {
        const auto path = (folder_.path() / "socket").string();
        listener_ = listen_at(path);
        use_front(front, path);
    }

    static std::string datagram(const wire::Answer& answer, std::string_view payload = {}) {
        std::string bytes(reinterpret_cast<const char*>(&answer), sizeof answer);
        return bytes.append(payload);
    }
    static wire::Answer answer_of(wire::Verb verb) {
        wire::Answer answer;
        answer.verb = verb;
        return answer;
    }

    nsutil::UniqueFd listener_;
};

TEST_F(Front, NoEngine_HelperAnswers) {
    use_front(front_path(), (folder_.path() / "none").string());
    (void)expect_token(ask(fields(container_with_ticket())), "alice");
}

TEST_F(Front, NoEngineAndNoHelper_KeyIsRejectedAtOnce) {
    use_front(lone_front(), (folder_.path() / "none").string());
    const auto answer = ask(fields(container_with_ticket()));
    EXPECT_EQ("ENOENT", refusal(answer));
    EXPECT_LT(answer.elapsed.count(), 1000);
}

TEST_F(Front, SocketThatNobodyServes_HelperAnswers) {
    const auto path = (folder_.path() / "socket").string();
    listener_ = listen_at(path);
    listener_.reset();
    use_front(front_path(), path);
    (void)expect_token(ask(fields(container_with_ticket())), "alice");
}

TEST_F(Front, Payload_IsPutOnTheKeyAsItIs) {
    listen_and_use(lone_front());
    const auto container = container_with_ticket();
    for (const std::size_t size : {std::size_t{1}, std::size_t{811}, std::size_t{16'000}}) {
        const std::string payload(size, 'p');
        auto answer = answer_of(wire::Verb::instantiate);
        answer.payload_bytes = static_cast<std::uint32_t>(size);
        std::optional<wire::Outcome> outcome;
        const auto key = answer_with(container, {datagram(answer, payload)}, &outcome);
        EXPECT_EQ(0, key.error) << key.text();
        EXPECT_EQ(payload, key.payload);
        ASSERT_TRUE(outcome);
        EXPECT_EQ(0, outcome->code);
    }
}

TEST_F(Front, PayloadThatTheKernelRefuses_IsToldAndRejected) {
    listen_and_use(lone_front());
    const std::string payload(40'000, 'p');  // a user key holds 32767 bytes
    auto answer = answer_of(wire::Verb::instantiate);
    answer.payload_bytes = static_cast<std::uint32_t>(payload.size());
    std::optional<wire::Outcome> outcome;
    const auto key = answer_with(container_with_ticket(), {datagram(answer, payload)}, &outcome);
    EXPECT_EQ("EINVAL", refusal(key));
    EXPECT_LE(key.remembered_s, 2);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(EINVAL, outcome->code);
}

TEST_F(Front, Rejection_KeepsItsErrnoForASecond) {
    listen_and_use(lone_front());
    auto answer = answer_of(wire::Verb::reject);
    answer.code = EKEYEXPIRED;
    std::optional<wire::Outcome> outcome;
    const auto key = answer_with(container_with_ticket(), {datagram(answer)}, &outcome);
    EXPECT_EQ("EKEYEXPIRED", refusal(key));
    EXPECT_LE(key.remembered_s, 2);
    ASSERT_TRUE(outcome);
    EXPECT_EQ(0, outcome->code);
}

TEST_F(Front, WhatIsNoAnswer_MakesItTheHelper) {
    listen_and_use(front_path());
    const auto container = container_with_ticket();
    const std::string payload = "payload";
    auto sound = answer_of(wire::Verb::instantiate);
    sound.payload_bytes = 7;
    auto magic = sound;
    magic.magic ^= 1U;
    auto longer = sound;
    longer.payload_bytes = 8;
    auto shorter = sound;
    shorter.payload_bytes = 6;
    auto with_code = sound;
    with_code.code = EPERM;
    auto with_wait = sound;
    with_wait.wait_ms = 1;
    auto empty = sound;
    empty.payload_bytes = 0;
    auto verb = sound;
    verb.verb = static_cast<wire::Verb>(9);
    auto rejection = answer_of(wire::Verb::reject);
    auto too_high = rejection;
    too_high.code = 4095;
    auto negative = rejection;
    negative.code = -1;
    auto rejects_and_pays = rejection;
    rejects_and_pays.code = EPERM;
    rejects_and_pays.payload_bytes = 7;
    auto held_for_ever = rejection;
    held_for_ever.code = EPERM;
    held_for_ever.wait_ms = wire::kHoldMsMost + 1;
    auto for_ever = answer_of(wire::Verb::wait);
    for_ever.wait_ms = wire::kWaitMsMost + 1;
    const std::vector<std::vector<std::string>> cases = {{},
                                                         {"x"},
                                                         {std::string(200, '\0')},
                                                         {datagram(magic, payload)},
                                                         {datagram(longer, payload)},
                                                         {datagram(shorter, payload)},
                                                         {datagram(with_code, payload)},
                                                         {datagram(with_wait, payload)},
                                                         {datagram(empty)},
                                                         {datagram(verb, payload)},
                                                         {datagram(rejection)},
                                                         {datagram(too_high)},
                                                         {datagram(negative)},
                                                         {datagram(rejects_and_pays, payload)},
                                                         {datagram(answer_of(wire::Verb::wait))},
                                                         {datagram(for_ever)},
                                                         {datagram(held_for_ever)},
                                                         {datagram(answer_of(wire::Verb::decline))}};
    for (std::size_t at = 0; at < cases.size(); ++at) {
        SCOPED_TRACE(at);
        (void)expect_token(answer_with(container, cases[at]), "alice");
    }
}

TEST_F(Front, RejectionThatIsHeldBack_ComesLate) {
    listen_and_use(lone_front());
    auto held = answer_of(wire::Verb::reject);
    held.code = EPERM;
    held.wait_ms = 700;
    const auto answer = answer_with(container_with_ticket(), {datagram(held)});
    EXPECT_EQ("EPERM", refusal(answer));
    EXPECT_GE(answer.elapsed.count(), 690);
    EXPECT_LT(answer.elapsed.count(), 3000);
}

TEST_F(Front, WaitThatWasAskedFor_IsGranted) {
    listen_and_use(lone_front());
    auto wait = answer_of(wire::Verb::wait);
    wait.wait_ms = 5000;
    auto last = answer_of(wire::Verb::reject);
    last.code = EHOSTUNREACH;
    std::optional<wire::Outcome> outcome;
    EXPECT_EQ("EHOSTUNREACH",
              refusal(answer_with(container_with_ticket(), {datagram(wait), datagram(wait), datagram(last)},
                                  &outcome)));
}

TEST_F(Front, AskedToEnd_RejectsTheKey) {
    listen_and_use(lone_front());
    auto request = must(KeyRequest::start(fields(container_with_ticket()).description()));
    ASSERT_TRUE(eventually([&] { return !processes_of_rule().empty(); }));
    pollfd waiting = {listener_.get(), POLLIN, 0};
    ASSERT_EQ(1, ::poll(&waiting, 1, 5000));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    ASSERT_EQ(0, ::kill(processes_of_rule().front(), SIGTERM));
    const auto answer = must(request.finish());
    EXPECT_EQ("ECANCELED", refusal(answer));
    EXPECT_LT(answer.elapsed.count(), 1000);
}

TEST_F(Front, SocketOfAUser_IsNotBelieved) {
    // Anybody may listen somewhere; the front end must not take a payload from there.
    const auto open_folder = std::filesystem::path("/run") / fmt::format("nsupcall-test-{}-user", ::getpid());
    std::filesystem::create_directory(open_folder);
    std::filesystem::permissions(open_folder, std::filesystem::perms::all);
    const auto path = (open_folder / "socket").string();
    const pid_t user = ::fork();
    if (user == 0) {
        if (::setgroups(0, nullptr) != 0 || ::setresgid(60, 60, 60) != 0 || ::setresuid(5, 5, 5) != 0)
            ::_exit(2);
        const auto listener = listen_at(path);
        for (;;) ::pause();
    }
    ASSERT_TRUE(eventually([&] { return std::filesystem::is_socket(path); }));
    use_front(front_path(), path);
    const auto answer = ask(fields(container_with_ticket()));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 900) << "it asked, and waited for an answer";
    ::kill(user, SIGKILL);
    ::waitpid(user, nullptr, 0);
    std::filesystem::remove_all(open_folder);
}

}  // namespace
}  // namespace nsupcall::test
