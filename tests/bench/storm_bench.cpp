/// @file
/// Many containers ask at once: nothing may be lost or mixed up, and it must not take longer than with
/// cifs-utils.
///
/// storm_bench --ours HELPER [--peer HELPER] [--containers N] [--at-once N]
///
/// Each container has its own mount namespace with the ticket of a user of its own. Both sides answer for all
/// containers, alternating in batches. Exit status: 0; 1 slower than the peer; 2 an answer lost or wrong;
/// 77 it cannot run here.

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <span>
#include <vector>

#include "bench/side.hpp"
#include "support/container.hpp"
#include "support/key_request.hpp"
#include "support/must.hpp"
#include "support/realm.hpp"
#include "support/token_check.hpp"

namespace {

using namespace nsupcall::test;
using nsupcall::bench::Side;
using Clock = std::chrono::steady_clock;

constexpr std::uint32_t kGamesUid = 5, kGamesGid = 60;
constexpr std::size_t kUsers = 8;

struct Member {
    Container container;
    std::size_t user;
};

struct Tally {
    double seconds = 0;
    std::size_t answered = 0, lost = 0, wrong = 0;
};

std::string user_name(std::size_t number) {
    return "user" + std::to_string(number);
}

/// The payload without the padding that cifs-utils adds.
std::string exact(const std::string& payload) {
    constexpr std::size_t kHead = 16;
    std::uint32_t lengths[2];
    if (payload.size() < kHead) return payload;
    std::memcpy(lengths, payload.data() + 8, sizeof lengths);
    return payload.substr(0, kHead + std::size_t{lengths[0]} + lengths[1]);
}

bool token_is_of(const std::string& payload, const Realm& realm, std::size_t user) {
    const auto parts = parse_payload(exact(payload));
    if (!parts) return false;
    const auto accepted = accept_token(parts->blob, realm.service_keytab(), realm.krb5_conf_path());
    return accepted && accepted->client == realm.principal(user_name(user));
}

/// One request from each of `members` at the same time.
void ask_all(std::span<Member> members, const Side& side, const Realm& realm, Tally& tally) {
    std::vector<KeyRequest> requests;
    const auto begin = Clock::now();
    for (const auto& member : members) {
        UpcallFields fields;
        fields.host = realm.service_host();
        fields.address = side.address();
        fields.uid = fields.creduid = kGamesUid;
        fields.pid = member.container.tid();
        requests.push_back(must(KeyRequest::start(fields.description())));
    }
    std::vector<KeyAnswer> answers;
    for (auto& request : requests) answers.push_back(must(request.finish()));
    tally.seconds += std::chrono::duration<double>(Clock::now() - begin).count();
    for (std::size_t at = 0; at < answers.size(); ++at) {
        if (answers[at].error != 0)
            ++tally.lost;
        else if (!token_is_of(answers[at].payload, realm, members[at].user))
            ++tally.wrong;
        else
            ++tally.answered;
    }
}

std::vector<Member> start_members(const Realm& realm, std::size_t count) {
    std::vector<Ticket> tickets;
    for (std::size_t user = 0; user < kUsers; ++user)
        tickets.push_back(must(realm.ticket(user_name(user), {.service_ahead = true})));
    std::vector<Member> members;
    for (std::size_t at = 0; at < count; ++at) {
        ContainerSpec spec;
        spec.uid = kGamesUid;
        spec.gid = kGamesGid;
        spec.files = {{.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                      {.path = "/tmp/krb5cc_5",
                       .content = tickets[at % kUsers].ccache,
                       .mode = 0600,
                       .uid = kGamesUid,
                       .gid = kGamesGid}};
        members.push_back({must(Container::start(spec)), at % kUsers});
    }
    return members;
}

void print(const char* name, const Tally& tally) {
    const auto all = tally.answered + tally.lost + tally.wrong;
    fmt::print("  {:12} {} requests, lost {}, wrong {}, {:.0f} a second\n", name, all, tally.lost,
               tally.wrong, static_cast<double>(all) / tally.seconds);
}

int run(const std::string& ours, const std::string& peer, std::size_t containers, std::size_t at_once) {
    auto realm = must(Realm::start());
    for (std::size_t user = 0; user < kUsers; ++user) must(realm.add_user(user_name(user)));
    auto members = start_members(realm, containers);
    const auto our_side =
        must(Side::install({"nsupcall", ours, {"--test-type=cifs.spnego", "%k"}}, realm.service_host(), 1));
    const auto peer_side = must(Side::install({"cifs-utils", peer, {"%k"}}, realm.service_host(), 2));
    Tally our_tally, peer_tally;
    for (std::size_t first = 0; first < members.size(); first += at_once) {
        const auto batch = std::span(members).subspan(first, std::min(at_once, members.size() - first));
        const bool ours_first = (first / at_once) % 2 == 0;
        if (ours_first) ask_all(batch, our_side, realm, our_tally);
        ask_all(batch, peer_side, realm, peer_tally);
        if (!ours_first) ask_all(batch, our_side, realm, our_tally);
    }
    fmt::print("storm: {} containers, {} at once\n", containers, at_once);
    print("nsupcall", our_tally);
    print("cifs-utils", peer_tally);
    fmt::print("  throughput, ours / theirs: {:.2f}\n", peer_tally.seconds / our_tally.seconds);
    if (our_tally.lost + our_tally.wrong > 0) return 2;
    return our_tally.seconds <= peer_tally.seconds ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::string ours, peer = "/usr/sbin/cifs.upcall";
    std::size_t containers = 1000, at_once = 64;
    for (int at = 1; at + 1 < argc; at += 2) {
        const std::string_view word = argv[at];
        if (word == "--ours") ours = argv[at + 1];
        if (word == "--peer") peer = argv[at + 1];
        if (word == "--containers") containers = std::strtoul(argv[at + 1], nullptr, 10);
        if (word == "--at-once") at_once = std::strtoul(argv[at + 1], nullptr, 10);
    }
    if (ours.empty() || containers == 0 || at_once == 0) {
        std::fputs("usage: storm_bench --ours HELPER [--peer HELPER] [--containers N] [--at-once N]\n",
                   stderr);
        return 2;
    }
    if (::geteuid() != 0 || ::access(peer.c_str(), X_OK) != 0) return 77;
    try {
        return run(ours, peer, containers, at_once);
    } catch (const std::exception& failed) {
        fmt::print(stderr, "storm_bench: {}\n", failed.what());
        return 2;
    }
}
