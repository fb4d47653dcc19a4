#include "engine/remote_key.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "helpers/last_word.hpp"
#include "nsutil/bounded_read.hpp"
#include "request/auth_key_line.hpp"

namespace nsupcall::engine {
namespace {

using nsutil::fail;
using nsutil::Result;

int g_channel_fd = -1;

void reject_remotely(int code) {
    Answer answer;
    if (code > 0) {
        answer.verb = Verb::reject;
        answer.code = code;
    }
    (void)send_answer(g_channel_fd, answer);
}

void ask_for_time(int remaining_ms) {
    Answer answer;
    answer.verb = Verb::wait;
    answer.wait_ms = static_cast<std::uint32_t>(std::clamp<int>(remaining_ms, 1, kWaitMsMost));
    (void)send_answer(g_channel_fd, answer);
}

}  // namespace

Result<void> RemoteKey::finish(const Answer& answer, std::span<const std::byte> payload) const {
    answered_ = true;
    if (const int error = send_answer(channel_fd_, answer, payload))
        return fail(error, "answer key " + std::to_string(serial()) + ": the front end has gone");
    // The front end keeps it for a while; a servant has more to do than to wait for that.
    if (answer.verb == Verb::reject && answer.wait_ms > 0) return {};
    if (const int error = receive_outcome(channel_fd_))
        return fail(error, "answer key " + std::to_string(serial()) + " by the front end");
    return {};
}

Result<void> RemoteKey::instantiate(std::span<const std::byte> payload) const {
    if (payload.empty() || payload.size() > kPayloadMost)
        return fail(EINVAL, "a payload of " + std::to_string(payload.size()) + " bytes");
    Answer answer;
    answer.verb = Verb::instantiate;
    answer.payload_bytes = static_cast<std::uint32_t>(payload.size());
    return finish(answer, payload);
}

Result<void> RemoteKey::reject(int code) const {
    return reject(code, 0);
}

Result<void> RemoteKey::reject_forged(int code) const {
    timespec now = {};
    (void)::clock_gettime(CLOCK_MONOTONIC, &now);
    constexpr std::int64_t kMilli = 1000, kNanosecondsPerMillisecond = 1'000'000;
    return reject(code, refusals_.hold_ms(static_cast<std::uint64_t>(
                            now.tv_sec * kMilli + now.tv_nsec / kNanosecondsPerMillisecond)));
}

Result<void> RemoteKey::reject(int code, unsigned hold_ms) const {
    if (answered_) return {};
    Answer answer;
    answer.verb = Verb::reject;
    answer.code = code > 0 && code <= kErrnoMost ? code : EKEYREJECTED;
    answer.wait_ms = hold_ms;
    return finish(answer, {});
}

Result<std::string> RemoteKey::visible_keys() const {
    // Asked for more than once: whoever is refused is looked for again, for the record.
    if (::lseek(question_.keys.get(), 0, SEEK_SET) != 0) return nsutil::fail_errno("/proc/keys");
    return nsutil::read_all(question_.keys.get(), AuthKeyLine::kTextLimit);
}

void RemoteKey::use_deadline(const nsutil::Deadline& deadline) const {
    arm_remote_last_word(channel_fd_, deadline);
}

void arm_remote_last_word(int channel_fd, const nsutil::Deadline& deadline) {
    g_channel_fd = channel_fd;
    arm_last_word({.reject = reject_remotely, .takes_time = ask_for_time, .hand_over_on_request = true},
                  deadline);
}

}  // namespace nsupcall::engine
