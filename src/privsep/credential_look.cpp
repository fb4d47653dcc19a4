#include "privsep/credential_look.hpp"

#include <poll.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "credentials/locator.hpp"
#include "credentials/service_name.hpp"
#include "nsutil/child.hpp"
#include "privsep/requester_environment.hpp"
#include "privsep/rule_choice.hpp"
#include "privsep/sealed_job.hpp"

namespace nsupcall {
namespace {

using nsutil::Result;

/// The sealed half.
Result<void> look_inside(const CredentialQuery& query, Reply& reply) {
    krb5_context raw = nullptr;
    if (const auto error = krb5_init_secure_context(&raw); error != 0)
        return fail_krb5(nullptr, error, "krb5.conf");
    Locator(raw, query, reply.trace, {}).look_around();
    reply.payload.assign(1, std::byte{1});  // an answer that says all by its trace
    return {};
}

/// Has libkrb5 done once, before the first fork, what each child would do for itself: its symbols looked up,
/// its tables built, the host's krb5.conf parsed. Reads nothing of a container's.
void warm_up() {
    krb5_context raw = nullptr;
    if (krb5_init_secure_context(&raw) != 0) return;
    const Krb5Context context(raw);
    (void)krb5_cc_default_name(raw);
    krb5_principal parsed = nullptr;
    if (krb5_parse_name(raw, "nobody@NOWHERE", &parsed) != 0) return;
    const auto principal = adopt<Principal>(raw, parsed);
    krb5_ccache unique = nullptr;
    if (krb5_cc_new_unique(raw, "MEMORY", nullptr, &unique) != 0) return;
    auto ccache = adopt<Ccache>(raw, unique);
    if (krb5_cc_initialize(raw, unique, parsed) == 0) (void)ExaminedCcache::read(raw, std::move(ccache), {});
}

/// One child at work.
struct AtWork {
    std::size_t index;
    nsutil::Deadline deadline;
    nsutil::Child child;
    pid_t pid;
    Look look;
};

class Lookers {
  public:
    Lookers(const LookOptions& options, const std::function<void(std::size_t, Look)>& done)
        : options_(options), done_(done), have_cpus_(::sched_getaffinity(0, sizeof cpus_, &cpus_) == 0) {
        const unsigned suits = 2 * std::max(1U, std::thread::hardware_concurrency());
        constexpr unsigned kMost = 64;
        at_once_ = std::min(options.at_once != 0 ? options.at_once : suits, kMost);
    }
    Lookers(const Lookers&) = delete;
    Lookers& operator=(const Lookers&) = delete;
    ~Lookers() {
        if (have_cpus_) (void)::sched_setaffinity(0, sizeof cpus_, &cpus_);
    }

    void begin(std::size_t index, const LookTarget& target) {
        Look look;
        auto begun = start(target, look);
        if (!begun) {
            look.code = begun.error().code;
            look.problem = begun.error().text();
            done_(index, std::move(look));
            return;
        }
        const pid_t pid = begun->pid();
        at_work_.push_back({index, deadline(), std::move(*begun), pid, std::move(look)});
    }

    [[nodiscard]] bool full() const { return at_work_.size() >= at_once_; }
    [[nodiscard]] bool idle() const { return at_work_.empty(); }

    /// Waits until one has answered or is late, and takes what is there.
    void collect() {
        wait_for_any();
        for (auto one = at_work_.begin(); one != at_work_.end();) {
            auto reply = reply_if_ready(one->child, one->deadline);
            if (!reply) {
                ++one;
                continue;
            }
            finish(*one, std::move(*reply));
            ended_.push_back(one->pid);
            one = at_work_.erase(one);  // closes its channel, for which it waits
        }
        reap();
    }

    /// Takes the ends of all children, for a moment; one that hangs in a file system is left to another time.
    void reap_all() {
        constexpr int kTries = 200;
        constexpr timespec kMoment = {0, 500'000};
        for (int tries = 0; tries < kTries && !ended_.empty(); ++tries) {
            reap();
            if (!ended_.empty()) (void)::nanosleep(&kMoment, nullptr);
        }
    }

  private:
    [[nodiscard]] nsutil::Deadline deadline() const {
        return nsutil::Deadline::after(std::chrono::milliseconds(options_.each_ms));
    }

    void wait_for_any() const {
        std::vector<pollfd> channels;
        channels.reserve(at_work_.size());
        int most_ms = static_cast<int>(options_.each_ms);
        for (const auto& one : at_work_) {
            channels.push_back({one.child.channel(), POLLIN, 0});
            most_ms = std::min(most_ms, static_cast<int>(one.deadline.remaining_ms()) + 1);
        }
        (void)::poll(channels.data(), channels.size(), most_ms);  // early: one look too many
    }

    Result<nsutil::Child> start(const LookTarget& target, Look& look) {
        auto who = Requester::open(target.tgid);
        if (!who) return nsutil::propagate(who);
        if (who->is_kernel_thread()) return nsutil::fail(ESRCH, "the process has ended");
        auto identity = SealedIdentity::user(target.host_uid, *who, who->namespaces);
        if (!identity) return nsutil::propagate(identity);
        look.inside_uid = identity->inside_uid;

        CredentialQuery query;
        query.host = lower_case(target.host);
        query.address = target.address;
        // A preference only: what is there is wanted, not what would serve one mount.
        query.user = target.user.substr(0, target.user.find('@'));
        query.inside_uid = identity->inside_uid;
        query.host_uid = target.host_uid;
        query.container = who->container;
        if (!options_.config.empty())
            query.settings = choose_settings({options_.config},
                                             {.host = query.host,
                                              .address = target.address,
                                              .user = target.user,
                                              .creduid = target.host_uid},
                                             *who)
                                 .settings;
        look.rule = query.settings.rule;
        int environ_dir = -1;
        if (!query.settings.environment)
            query.environment.note = "switched off";
        else if (!who->runs_as(target.host_uid))
            query.environment.note = "no process of the user is there";
        else
            environ_dir = who->task.dir();
        const SealedJob job = {.namespaces = who->namespaces,
                               .identity = std::move(*identity),
                               .prepare =
                                   [&] {
                                       if (have_cpus_) (void)::sched_setaffinity(0, sizeof cpus_, &cpus_);
                                       read_environment(environ_dir, query.environment);
                                   },
                               .work = [&](Reply& reply) { return look_inside(query, reply); }};
        return start_sealed(job, deadline());
    }

    void finish(AtWork& one, Reply reply) {
        one.look.looked = reply.code == 0;
        one.look.code = reply.code;
        one.look.problem = std::move(reply.message);
        one.look.trace = std::move(reply.trace);
        done_(one.index, std::move(one.look));
    }

    void reap() {
        std::erase_if(ended_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    }

    const LookOptions& options_;
    const std::function<void(std::size_t, Look)>& done_;
    // The first child ties this process to one CPU (see Child::spawn); the children go where there is room.
    cpu_set_t cpus_{};
    bool have_cpus_ = false;
    unsigned at_once_ = 1;
    std::list<AtWork> at_work_;
    std::vector<pid_t> ended_;
};

}  // namespace

void look_at_credentials(std::span<const LookTarget> targets, const LookOptions& options,
                         const nsutil::Deadline& deadline,
                         const std::function<void(std::size_t, Look)>& done) {
    if (targets.empty()) return;
    static std::once_flag warm;
    std::call_once(warm, warm_up);
    Lookers lookers(options, done);
    for (std::size_t index = 0; index < targets.size(); ++index) {
        while (lookers.full() && !deadline.passed()) lookers.collect();
        if (!deadline.passed()) {
            lookers.begin(index, targets[index]);
            continue;
        }
        Look look;
        look.code = ETIMEDOUT;
        look.problem = "not looked at: the time was up";
        look.out_of_time = true;
        done(index, std::move(look));
    }
    while (!lookers.idle()) lookers.collect();
    lookers.reap_all();
}

}  // namespace nsupcall
