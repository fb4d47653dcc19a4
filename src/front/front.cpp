/// @file
/// The program that request-key runs: asks the engine, and puts its answer on the key. Where there is no
/// engine, or it does not answer, it becomes the helper that needs none.
///
/// Everything here must do without a C library: fixed buffers, system calls, nothing that has to be set up.

#include <elf.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include "engine/message.hpp"
#include "front/calls.hpp"
#include "keys/reject_seconds.hpp"
#include "keys/usual_deadline.hpp"

namespace nsupcall::front {
namespace {

using engine::Answer;
using engine::Ask;
using engine::Outcome;
using engine::Verb;

constexpr long kNanosecondsPerSecond = 1'000'000'000, kNanosecondsPerMillisecond = 1'000'000;
constexpr std::uint64_t kDeadlineNs = kUsualDeadlineMs * std::uint64_t{kNanosecondsPerMillisecond};
constexpr std::uint32_t kGraceMs = 1000;  // the engine's last word comes half a second after its deadline
constexpr int kAnswered = 0, kRejected = 1, kNobody = 2;
constexpr char kEngineOption[] = "--engine=";
constexpr char kStartedOption[] = "--started=";
constexpr char kHelper[] = NSUPCALL_HELPER_FROM_FRONT;  // "../libexec/nsupcall/cifs.upcall"

struct CommandLine {
    long count;
    char** words;
    char** environment;

    /// The path by which the kernel was told to run this program.
    [[nodiscard]] const char* program() const {
        char** at = environment;
        while (*at != nullptr) ++at;
        for (auto* pair = reinterpret_cast<const unsigned long*>(at + 1); pair[0] != AT_NULL; pair += 2)
            if (pair[0] == AT_EXECFN)
                return reinterpret_cast<const char*>(pair[1]);  // NOLINT(performance-no-int-to-ptr)
        return "";
    }
};

// Static, and thus zero pages that cost nothing until they are touched.
alignas(16) char g_ask[engine::kAskMost];
alignas(16) char g_answer[sizeof(Answer) + engine::kPayloadMost + 1];

std::size_t length(const char* text) {
    std::size_t size = 0;
    while (text[size] != '\0') ++size;
    return size;
}

bool begins_with(const char* text, const char* with) {
    for (; *with != '\0'; ++text, ++with)
        if (*text != *with) return false;
    return true;
}

/// @return where `number` begins within `buffer`, which it fills from the end
template <std::size_t Size>
char* decimal(std::uint64_t number, char (&buffer)[Size]) {
    std::size_t at = Size - 1;
    buffer[at] = '\0';
    do buffer[--at] = static_cast<char>('0' + number % 10);
    while ((number /= 10) > 0);
    return buffer + at;
}

/// @return 0 where it is no key id
std::int32_t key_of(const char* text) {
    constexpr std::int64_t kMost = 0x7fffffff;
    std::int64_t number = 0;
    if (*text == '\0') return 0;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9') return 0;
        number = number * 10 + (*text - '0');
        if (number > kMost) return 0;
    }
    return static_cast<std::int32_t>(number);
}

timespec clock(clockid_t which) {
    timespec now = {};
    call(__NR_clock_gettime, which, word(&now));
    return now;
}

std::uint64_t monotonic_ns() {
    const auto now = clock(CLOCK_MONOTONIC);
    return static_cast<std::uint64_t>(now.tv_sec) * kNanosecondsPerSecond +
           static_cast<std::uint64_t>(now.tv_nsec);
}

[[noreturn]] void end(int status) {
    for (;;) call(__NR_exit_group, status);
}

long keyctl(int operation, long a, long b = 0, long c = 0, long d = 0) {
    return call(__NR_keyctl, operation, a, b, c, d);
}

long reject(std::int32_t key, std::int32_t code) {
    const long done = keyctl(KEYCTL_REJECT, key, reject_seconds(clock(kRejectClock).tv_nsec), code);
    // Not answering would cost the asker the kernel's own 60 seconds: once more, with a code that is valid.
    return done < 0 ? keyctl(KEYCTL_REJECT, key, 1, EKEYREJECTED) : done;
}

/// Signals that ask this process to end wait until it looks for them: the key is answered first.
std::uint64_t ending_signals() {
    const auto bit = [](int number) { return std::uint64_t{1} << static_cast<unsigned>(number - 1); };
    return bit(SIGTERM) | bit(SIGHUP) | bit(SIGINT);
}

void mask_signals(int how) {
    const std::uint64_t set = ending_signals();
    call(__NR_rt_sigprocmask, how, word(&set), 0, sizeof set);
}

/// Becomes the helper, with what is left of the time.
[[noreturn]] void become_helper(const CommandLine& line, std::int32_t key, std::uint64_t started_ns) {
    static char path[4096 + sizeof kHelper];
    static char started[sizeof kStartedOption + 24];
    static char* words[engine::kArgumentsMost + 3];
    long failed = -E2BIG;
    constexpr long kPathMost = 4096;
    long size = call(__NR_readlinkat, AT_FDCWD, word("/proc/self/exe"), word(path), kPathMost);
    if (size < 0) {
        // No /proc: a symbolic link to this program would mislead, one to its folder does not.
        const char* program = line.program();
        size = static_cast<long>(length(program));
        if (size < kPathMost) __builtin_memcpy(path, program, static_cast<std::size_t>(size));
    }
    if (size > 0 && size < kPathMost && line.count >= 1 &&
        line.count <= static_cast<long>(engine::kArgumentsMost)) {
        long folder = size;
        while (folder > 0 && path[folder - 1] != '/') --folder;
        __builtin_memcpy(path + folder, kHelper, sizeof kHelper);
        char digits[24];
        __builtin_memcpy(started, kStartedOption, sizeof kStartedOption - 1);
        const char* number = decimal(started_ns, digits);
        __builtin_memcpy(started + sizeof kStartedOption - 1, number, length(number) + 1);
        words[0] = line.words[0];
        words[1] = started;
        for (long at = 1; at <= line.count; ++at) words[at + 1] = line.words[at];
        mask_signals(SIG_UNBLOCK);
        failed = call(__NR_execve, word(path), word(static_cast<void*>(words)),
                      word(static_cast<void*>(line.environment)));
    }
    if (key == 0) end(kNobody);
    end(reject(key, static_cast<std::int32_t>(-failed)) < 0 ? kNobody : kRejected);
}

/// Only where it makes no difference to the key who answers: nothing of the engine may have come.
class Engine {
  public:
    /// @return whether a root process listens
    bool connect(const char* path) {
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        const auto size = length(path);
        if (size >= sizeof address.sun_path) return false;
        __builtin_memcpy(address.sun_path, path, size);
        // Not blocking: a queue that is full must not hold anybody up.
        fd_ = call(__NR_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd_ < 0) return false;
        if (call(__NR_connect, fd_, word(&address),
                 static_cast<long>(offsetof(sockaddr_un, sun_path) + size + 1)) < 0)
            return false;
        ucred peer = {0, ~0U, ~0U};
        socklen_t peer_size = sizeof peer;
        return call(__NR_getsockopt, fd_, SOL_SOCKET, SO_PEERCRED, word(&peer), word(&peer_size)) == 0 &&
               peer.uid == 0;
    }

    bool ask(const CommandLine& line, std::int32_t key, const char* description, std::size_t description_size,
             std::uint64_t started_ns) const {
        if (line.count > static_cast<long>(engine::kArgumentsMost) ||
            description_size > engine::kDescriptionMost)
            return false;
        Ask ask;
        __builtin_memcpy(ask.version, NSUPCALL_VERSION, sizeof NSUPCALL_VERSION);
        ask.key = key;
        ask.started_ns = started_ns;
        ask.arguments = static_cast<std::uint32_t>(line.count);
        ask.description_bytes = static_cast<std::uint32_t>(description_size);
        char* at = g_ask + sizeof ask;
        for (long word_at = 0; word_at < line.count; ++word_at) {
            const auto size = length(line.words[word_at]) + 1;
            if (ask.argument_bytes + size > engine::kArgumentBytesMost) return false;
            __builtin_memcpy(at + ask.argument_bytes, line.words[word_at], size);
            ask.argument_bytes += static_cast<std::uint32_t>(size);
        }
        __builtin_memcpy(at + ask.argument_bytes, description, description_size);
        __builtin_memcpy(g_ask, &ask, sizeof ask);
        const long keys = call(__NR_openat, AT_FDCWD, word("/proc/keys"), O_RDONLY | O_CLOEXEC);
        if (keys < 0) return false;
        iovec part = {g_ask, sizeof ask + ask.argument_bytes + ask.description_bytes};
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        auto* head = reinterpret_cast<cmsghdr*>(control);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        const int passed = static_cast<int>(keys);
        __builtin_memcpy(CMSG_DATA(head), &passed, sizeof passed);
        msghdr message = {};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        return call(__NR_sendmsg, fd_, word(&message), MSG_NOSIGNAL) == static_cast<long>(part.iov_len);
    }

    /// Waits for one message. @return bytes in g_answer; -ETIMEDOUT, -ECANCELED somebody wants us to end, or
    /// another negative errno
    long receive(std::uint32_t wait_ms, long signals) const {
        pollfd waiting[2] = {{static_cast<int>(fd_), POLLIN, 0}, {static_cast<int>(signals), POLLIN, 0}};
        timespec left = {wait_ms / 1000, static_cast<long>(wait_ms % 1000) * kNanosecondsPerMillisecond};
        const long ready = call(__NR_ppoll, word(waiting), 2, word(&left), 0, 0);
        if (ready < 0) return ready;
        if (ready == 0) return -ETIMEDOUT;
        if (waiting[0].revents == 0) return -ECANCELED;
        return call(__NR_recvfrom, fd_, word(g_answer), sizeof g_answer, MSG_DONTWAIT, 0, 0);
    }

    void tell(long done) const {
        Outcome outcome;
        outcome.code = done < 0 ? static_cast<std::int32_t>(-done) : 0;
        call(__NR_sendto, fd_, word(&outcome), sizeof outcome, MSG_NOSIGNAL, 0, 0);
    }

  private:
    long fd_ = -1;
};

/// @return whether `answer` is one that an engine makes
bool sound(const Answer& answer, long size) {
    const bool of_payload = answer.verb == Verb::instantiate;
    const bool of_wait = answer.verb == Verb::wait;
    const bool of_code = answer.verb == Verb::reject;
    return answer.magic == engine::kAnswerMagic && (of_payload || of_wait || of_code) &&
           size == static_cast<long>(sizeof answer + answer.payload_bytes) &&
           answer.payload_bytes <= engine::kPayloadMost && (answer.payload_bytes > 0) == of_payload &&
           (answer.wait_ms > 0 || !of_wait) &&
           answer.wait_ms <= (of_wait ? engine::kWaitMsMost : of_code ? engine::kHoldMsMost : 0) &&
           (answer.code > 0) == of_code && answer.code >= 0 && answer.code <= engine::kErrnoMost;
}

/// Lets whoever is refused wait. Linux writes back what is left when a signal interrupts it.
void hold(std::uint32_t wait_ms, long signals) {
    pollfd waiting = {static_cast<int>(signals), POLLIN, 0};
    timespec left = {wait_ms / 1000, static_cast<long>(wait_ms % 1000) * kNanosecondsPerMillisecond};
    while (call(__NR_ppoll, word(&waiting), signals < 0 ? 0 : 1, word(&left), 0, 0) == -EINTR) continue;
}

/// Puts the engine's answer on the key. Returns where it gave none.
void answer_by(Engine& engine, std::int32_t key, std::uint64_t started_ns) {
    const std::uint64_t set = ending_signals();
    const long signals = call(__NR_signalfd4, -1, word(&set), sizeof set, SOCK_CLOEXEC);
    std::uint32_t patience_ms = engine::kPatienceMs;
    std::uint64_t deadline_ns = started_ns + kDeadlineNs;
    for (;;) {
        const long size = engine.receive(patience_ms, signals);
        if (size == -EINTR) continue;
        if (size == -ECANCELED) end(reject(key, ECANCELED) < 0 ? kNobody : kRejected);
        Answer answer;
        if (size >= static_cast<long>(sizeof answer)) __builtin_memcpy(&answer, g_answer, sizeof answer);
        if (size < static_cast<long>(sizeof answer) || !sound(answer, size)) {
            if (monotonic_ns() < deadline_ns) return;
            end(reject(key, ETIMEDOUT) < 0 ? kNobody : kRejected);
        }
        if (answer.verb == Verb::wait) {
            patience_ms = answer.wait_ms + kGraceMs;
            deadline_ns = monotonic_ns() + answer.wait_ms * std::uint64_t{kNanosecondsPerMillisecond};
            continue;
        }
        long done = 0;
        if (answer.verb == Verb::instantiate) {
            done = keyctl(KEYCTL_INSTANTIATE, key, word(g_answer + sizeof answer), answer.payload_bytes);
            if (done < 0) (void)reject(key, static_cast<std::int32_t>(-done));
        } else {
            if (answer.wait_ms > 0) hold(answer.wait_ms, signals);
            done = reject(key, answer.code);
        }
        engine.tell(done);
        end(answer.verb == Verb::instantiate && done >= 0 ? kAnswered : done < 0 ? kNobody : kRejected);
    }
}

}  // namespace

extern "C" [[noreturn]] __attribute__((used, visibility("hidden"))) void front_main(long* stack) {
    CommandLine line = {stack[0], reinterpret_cast<char**>(stack + 1), nullptr};
    line.environment = line.words + line.count + 1;
    const auto started_ns = monotonic_ns();
    const std::int32_t key = line.count > 1 ? key_of(line.words[line.count - 1]) : 0;
    if (key == 0) become_helper(line, key, started_ns);
    mask_signals(SIG_BLOCK);
    // What comes from the engine is a token and its key: no core file, nobody who looks on.
    call(__NR_prctl, PR_SET_DUMPABLE, 0);
    static char description[engine::kDescriptionMost];
    const long size = keyctl(KEYCTL_DESCRIBE, key, word(description), sizeof description);
    // Names, ids and passwords are not the engine's business; keys of type `user` may be a test's.
    if (size <= 1 || size > static_cast<long>(sizeof description) ||
        !(begins_with(description, "cifs.spnego;") || begins_with(description, "user;")))
        become_helper(line, key, started_ns);
    const char* path = begins_with(line.words[1], kEngineOption) ? line.words[1] + sizeof kEngineOption - 1
                                                                 : engine::kSocketPath;
    Engine engine;
    if (engine.connect(path) &&
        engine.ask(line, key, description, static_cast<std::size_t>(size - 1), started_ns))
        answer_by(engine, key, started_ns);
    become_helper(line, key, started_ns);
}

}  // namespace nsupcall::front
