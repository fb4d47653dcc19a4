/// @file
/// Upcalls through the running kernel while something else is done to the helpers' files. Run by
/// tests/package/run:
///
///   package_upcalls HELPER PROGRAM [ARGUMENT...]
///
/// Asks the kernel for tokens by way of HELPER until PROGRAM has ended. Exit status: 0 each answer was the
/// requester's token, and PROGRAM ended well; 1 not.

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <thread>

#include "support/container.hpp"
#include "support/key_request.hpp"
#include "support/process.hpp"
#include "support/realm.hpp"
#include "support/request_rule.hpp"
#include "support/token_check.hpp"

namespace nsupcall::test {
namespace {

using nsutil::Result;

constexpr std::uint32_t kUid = 61001;

/// Counts of answers.
struct Tally {
    int tokens = 0, others = 0;
};

Result<AcceptedToken> accept(const Realm& realm, const KeyAnswer& answer) {
    if (answer.error != 0) return nsutil::fail(answer.error, "no key");
    auto payload = parse_payload(answer.payload);
    if (!payload) return nsutil::propagate(payload);
    return accept_token(payload->blob, realm.service_keytab(), realm.krb5_conf_path());
}

Result<Tally> ask_until(const std::atomic<bool>& ended, const std::string& helper) {
    auto realm = Realm::start();
    if (!realm) return nsutil::propagate(realm);
    if (auto added = realm->add_user("alice"); !added) return nsutil::propagate(added);
    auto ticket = realm->ticket("alice");
    if (!ticket) return nsutil::propagate(ticket);
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.uid = spec.gid = kUid;
    spec.files = {{.path = "/etc/krb5.conf", .content = realm->krb5_conf()},
                  {.path = fmt::format("/tmp/krb5cc_{}", kUid),
                   .content = ticket->ccache,
                   .mode = 0600,
                   .uid = kUid,
                   .gid = kUid}};
    auto container = Container::start(spec);
    if (!container) return nsutil::propagate(container);
    auto rule = RequestRule::install({.description = RequestRule::pattern_for(realm->service_host()),
                                            .program = helper,
                                            .arguments = {"--test-type=cifs.spnego", "%k"}});
    if (!rule) return nsutil::propagate(rule);
    UpcallFields fields;
    fields.host = realm->service_host();
    fields.uid = fields.creduid = kUid;
    fields.pid = container->tid();
    Tally tally;
    do {
        auto answer = ask_kernel(fields.description());
        if (!answer) return nsutil::propagate(answer);
        const auto token = accept(*realm, *answer);
        ++(token && token->client == realm->principal("alice") ? tally.tokens : tally.others);
        if (!token) fmt::print(stderr, "{}: {}\n", answer->text(), token.error().text());
    } while (!ended);
    return tally;
}

int run(int argc, char** argv) {
    if (argc < 3) return fmt::print(stderr, "usage: package_upcalls HELPER PROGRAM [ARGUMENT...]\n"), 64;
    std::atomic<bool> ended = false;
    Result<Finished> finished = nsutil::fail(ESRCH, "not run");
    std::thread work([&] {
        finished = run_program({.argv = {argv + 2, argv + argc}, .limit = std::chrono::seconds(240)});
        ended = true;
    });
    const auto tally = ask_until(ended, argv[1]);
    work.join();
    if (!tally) return fmt::print(stderr, "package_upcalls: {}\n", tally.error().text()), 1;
    if (!finished) return fmt::print(stderr, "package_upcalls: {}\n", finished.error().text()), 1;
    fmt::print("{}{} tokens, {} other answers meanwhile\n", finished->output, tally->tokens, tally->others);
    return finished->exit_code == 0 && tally->others == 0 && tally->tokens > 0 ? 0 : 1;
}

}  // namespace
}  // namespace nsupcall::test

int main(int argc, char** argv) {
    return nsupcall::test::run(argc, argv);
}
