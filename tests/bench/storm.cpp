#include "bench/storm.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "bench/token_problem.hpp"
#include "nsutil/unique_fd.hpp"
#include "support/key_request.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;

constexpr std::uint32_t kGamesUid = 5, kGamesGid = 60;  // cifs-utils wants a user whom the host knows
constexpr unsigned kSettleUs = 50'000;
constexpr const char* kCcache = "/tmp/krb5cc_5";

test::ContainerFile ccache_file(const std::string& content) {
    return {.path = kCcache, .content = content, .mode = 0600, .uid = kGamesUid, .gid = kGamesGid};
}

}  // namespace

std::string storm_user(std::size_t number) {
    return "user" + std::to_string(number);
}

Result<Fleet> Fleet::start(const test::Realm& realm, std::size_t count, const StormTickets& tickets) {
    Fleet fleet;
    for (std::size_t user = 0; user < kStormUsers; ++user) {
        auto ticket = realm.ticket(storm_user(user), {.service_ahead = tickets.service_ahead});
        if (!ticket) return nsutil::propagate(ticket);
        fleet.ccaches_.push_back(std::move(ticket->ccache));
    }
    const auto conf = tickets.kdc_port == 0 ? realm.krb5_conf() : realm.krb5_conf_for_port(tickets.kdc_port);
    for (std::size_t at = 0; at < count; ++at) {
        test::ContainerSpec spec;
        spec.uid = kGamesUid;
        spec.gid = kGamesGid;
        spec.files = {{.path = "/etc/krb5.conf", .content = conf},
                      ccache_file(fleet.ccaches_[at % kStormUsers])};
        auto container = test::Container::start(spec);
        if (!container) return nsutil::propagate(container);
        fleet.members_.push_back({std::move(*container), at % kStormUsers});
    }
    return fleet;
}

Result<void> Fleet::ask(std::size_t first, std::size_t count, unsigned side, const test::Realm& realm,
                        Tally& tally) const {
    using Clock = std::chrono::steady_clock;
    const auto batch = std::span(members_).subspan(first, count);
    std::vector<test::KeyRequest> requests;
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return nsutil::fail_errno("pipe");
    const nsutil::UniqueFd gate(ends[0]), opener(ends[1]);
    for (const auto& member : batch) {
        test::UpcallFields fields;
        fields.host = realm.service_host();
        fields.address = Side::address_of(side);
        fields.uid = fields.creduid = kGamesUid;
        fields.pid = member.container.tid();
        auto request = test::KeyRequest::start_held(fields.description(), gate.get());
        if (!request) return nsutil::propagate(request);
        requests.push_back(std::move(*request));
    }
    // All are there and wait.
    (void)::usleep(kSettleUs);
    const auto begin = Clock::now();
    const std::string go(count, '.');
    if (::write(opener.get(), go.data(), go.size()) != static_cast<ssize_t>(go.size()))
        return nsutil::fail_errno("let the requests go");
    std::vector<test::KeyAnswer> answers;
    for (auto& request : requests) {
        auto answer = request.receive();
        if (!answer) return nsutil::propagate(answer);
        answers.push_back(std::move(*answer));
    }
    const auto seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    tally.seconds += seconds;
    tally.rates.push_back(static_cast<double>(count) / seconds);
    for (std::size_t at = 0; at < answers.size(); ++at) {
        tally.waited_ms.push_back(static_cast<double>(answers[at].elapsed.count()));
        if (answers[at].error != 0) {
            ++tally.lost;
            if (tally.first_error.empty()) tally.first_error = answers[at].text();
        } else if (!problem_of_token(answers[at].payload, realm, storm_user(batch[at].user)).empty()) {
            ++tally.wrong;
        } else {
            ++tally.answered;
        }
    }
    return {};
}

Result<void> Fleet::restore(std::size_t first, std::size_t count) const {
    for (const auto& member : std::span(members_).subspan(first, count))
        if (auto put = member.container.add_file(ccache_file(ccaches_[member.user])); !put)
            return nsutil::propagate(put);
    return {};
}

}  // namespace nsupcall::bench
