#include "privsep/parallel_look.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "nsutil/child.hpp"
#include "privsep/reply.hpp"

namespace nsupcall {
namespace {

using nsutil::Result;

/// In front of each message; the texts and the trace follow as a Reply.
struct Head {
    std::uint32_t index;  ///< in the looker's own share
    std::uint32_t inside_uid;
    bool has_inside_uid, looked, out_of_time;
};

std::vector<std::byte> encode(std::size_t index, Look look) {
    const Head head = {static_cast<std::uint32_t>(index), look.inside_uid.value_or(0),
                       look.inside_uid.has_value(), look.looked, look.out_of_time};
    Reply reply;
    reply.code = look.code;
    reply.message = std::move(look.problem);
    reply.server = std::move(look.rule);
    reply.trace = std::move(look.trace);
    if (reply.code == 0) reply.payload.assign(1, std::byte{1});
    const auto body = encode_reply(reply);
    std::vector<std::byte> message(sizeof head + body.size());
    std::memcpy(message.data(), &head, sizeof head);
    std::memcpy(message.data() + sizeof head, body.data(), body.size());
    return message;
}

Result<std::pair<std::size_t, Look>> decode(std::span<const std::byte> message) {
    Head head = {};
    if (message.size() < sizeof head) return nsutil::fail(EPROTO, "a short message");
    std::memcpy(&head, message.data(), sizeof head);
    auto reply = decode_reply(message.subspan(sizeof head));
    if (!reply) return nsutil::propagate(reply);
    Look look;
    look.looked = head.looked;
    look.out_of_time = head.out_of_time;
    if (head.has_inside_uid) look.inside_uid = head.inside_uid;
    look.code = reply->code;
    look.problem = std::move(reply->message);
    look.rule = std::move(reply->server);
    look.trace = std::move(reply->trace);
    return std::pair(std::size_t{head.index}, std::move(look));
}

/// One process with its share of the targets: every n-th.
class Looker {
  public:
    static Result<Looker> start(std::span<const LookTarget> targets, std::size_t first, std::size_t step,
                                const LookOptions& options, const nsutil::Deadline& deadline) {
        Looker looker;
        std::vector<LookTarget> share;
        for (std::size_t at = first; at < targets.size(); at += step) {
            share.push_back(targets[at]);
            looker.missing_.push_back(at);
        }
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            return nsutil::fail_errno("socketpair");
        looker.channel_ = nsutil::UniqueFd(ends[0]);
        const nsutil::UniqueFd far_end(ends[1]);
        const pid_t parent = ::getpid();
        auto pid = nsutil::spawn_alone([&] {
            looker.channel_.reset();
            if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || ::getppid() != parent) return 1;
            look_at_credentials(share, options, deadline, [&](std::size_t index, Look look) {
                const auto message = encode(index, std::move(look));
                (void)::send(far_end.get(), message.data(), message.size(), MSG_NOSIGNAL);
            });
            return 0;
        });
        if (!pid) return nsutil::propagate(pid);
        looker.pid_ = *pid;
        return looker;
    }
    Looker(Looker&& other) noexcept
        : pid_(std::exchange(other.pid_, -1)),
          channel_(std::move(other.channel_)),
          missing_(std::move(other.missing_)) {}
    Looker& operator=(Looker&&) = delete;
    Looker(const Looker&) = delete;
    Looker& operator=(const Looker&) = delete;
    ~Looker() {
        if (pid_ <= 0) return;
        if (channel_) (void)::kill(pid_, SIGKILL);
        while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    [[nodiscard]] int channel() const { return channel_.get(); }
    [[nodiscard]] bool ended() const { return !channel_; }

    /// Takes one message that is there, or the end.
    void take(const std::function<void(std::size_t, Look)>& done) {
        static std::byte buffer[sizeof(Head) + kReplyLimit];
        const ssize_t size = ::recv(channel_.get(), buffer, sizeof buffer, 0);
        if (size < 0 && errno == EINTR) return;
        auto one = size > 0 ? decode(std::span(buffer).first(static_cast<std::size_t>(size)))
                            : Result<std::pair<std::size_t, Look>>(nsutil::fail(EPIPE, "the end"));
        if (!one || one->first >= missing_.size() || missing_[one->first] == kTaken) {
            channel_.reset();
            return;
        }
        done(std::exchange(missing_[one->first], kTaken), std::move(one->second));
    }

    /// What never came.
    void give_up(const std::function<void(std::size_t, Look)>& done) {
        for (auto& index : missing_) {
            if (index == kTaken) continue;
            Look look;
            look.code = EIO;
            look.problem = "the process that was to look has ended";
            done(std::exchange(index, kTaken), std::move(look));
        }
    }

  private:
    static constexpr std::size_t kTaken = SIZE_MAX;
    Looker() = default;

    pid_t pid_ = -1;
    nsutil::UniqueFd channel_;
    std::vector<std::size_t> missing_;  ///< of the share: its place among all targets; kTaken: it has come
};

unsigned processors() {
    constexpr unsigned kMost = 8;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
    return std::clamp(static_cast<unsigned>(CPU_COUNT(&cpus)), 1U, kMost);
}

}  // namespace

void look_in_parallel(std::span<const LookTarget> targets, const LookOptions& options,
                      const nsutil::Deadline& deadline, const std::function<void(std::size_t, Look)>& done,
                      unsigned processes) {
    // A process of one's own is worth it for so many looks, and no fewer.
    constexpr std::size_t kLeast = 16;
    const std::size_t step =
        std::min<std::size_t>(processes != 0 ? processes : processors(), targets.size() / kLeast);
    LookOptions of_one = options;
    constexpr unsigned kAtOnce = 2;
    if (of_one.at_once == 0) of_one.at_once = kAtOnce;
    std::vector<Looker> lookers;
    for (std::size_t first = 0; step > 1 && first < step; ++first) {
        auto looker = Looker::start(targets, first, step, of_one, deadline);
        if (!looker) break;
        lookers.push_back(std::move(*looker));
    }
    if (lookers.size() < step || step <= 1) {
        lookers.clear();
        look_at_credentials(targets, options, deadline, done);
        return;
    }
    constexpr std::chrono::milliseconds kGrace(1000);
    const auto last = nsutil::Deadline::after(std::chrono::milliseconds(deadline.remaining_ms()) +
                                              std::chrono::milliseconds(options.each_ms) + kGrace);
    for (;;) {
        std::vector<pollfd> waiting;
        std::vector<Looker*> whose;
        for (auto& looker : lookers)
            if (!looker.ended()) {
                waiting.push_back({looker.channel(), POLLIN, 0});
                whose.push_back(&looker);
            }
        if (waiting.empty() || last.passed()) break;
        if (::poll(waiting.data(), waiting.size(), static_cast<int>(last.remaining_ms())) < 0 &&
            errno != EINTR)
            break;
        for (std::size_t at = 0; at < waiting.size(); ++at)
            if (waiting[at].revents != 0) whose[at]->take(done);
    }
    for (auto& looker : lookers) looker.give_up(done);
}

}  // namespace nsupcall
