/// @file
/// The kernel waits without limit, so the helper must not.

#include <fmt/format.h>

#include "support/dead_kdc.hpp"
#include "support/network.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

/// The helper's own limit, and what starting processes on a loaded machine may cost.
constexpr std::int64_t kDeadlineMs = 15000 + 3000;

class Waiting : public UpcallTest {
  protected:
    ContainerSpec spec_for_port(std::uint16_t port, const Ticket& ticket, std::string_view more = {}) {
        auto spec = spec_with_ticket(ticket, unused_uid());
        spec.files[0].content = realm().krb5_conf_for_port(port, more);
        return spec;
    }
};

TEST_F(Waiting, KdcThatNeverAnswers_EndsWithinTheDeadline) {
    const auto dead = must(DeadKdc::open());
    const auto container = must(Container::start(spec_for_port(dead.port(), must(realm().ticket("alice")))));
    const auto answer = ask(fields_for(container.tid(), unused_uid()));
    EXPECT_TRUE(answer.error == ETIMEDOUT || answer.error == EHOSTUNREACH) << answer.text();
    EXPECT_LT(answer.elapsed.count(), kDeadlineMs);
    // A server that swallows everything is given a chance.
    EXPECT_GT(answer.elapsed.count(), 900);
}

TEST_F(Waiting, KdcThatNeverAnswersOverTcp_EndsWithinTheDeadline) {
    const auto dead = must(DeadKdc::open());
    const auto spec =
        spec_for_port(dead.port(), must(realm().ticket("alice")), "    udp_preference_limit = 1");
    const auto container = must(Container::start(spec));
    const auto answer = ask(fields_for(container.tid(), unused_uid()));
    EXPECT_TRUE(answer.error == ETIMEDOUT || answer.error == EHOSTUNREACH) << answer.text();
    EXPECT_LT(answer.elapsed.count(), kDeadlineMs);
}

TEST_F(Waiting, KdcThatRefusesConnections_IsEhostunreach) {
    const auto port = must(free_loopback_port());
    const auto container = must(Container::start(spec_for_port(port, must(realm().ticket("alice")))));
    const auto answer = ask(fields_for(container.tid(), unused_uid()));
    EXPECT_EQ("EHOSTUNREACH", refusal(answer));
    EXPECT_LT(answer.elapsed.count(), kDeadlineMs);
}

TEST_F(Waiting, ServiceTicketInTheCache_DoesNotCareForADeadKdc) {
    const auto dead = must(DeadKdc::open());
    const auto ahead = must(realm().ticket("alice", {.service_ahead = true}));
    const auto container = must(Container::start(spec_for_port(dead.port(), ahead)));
    const auto answer = ask(fields_for(container.tid(), unused_uid()));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 1000);
}

TEST_F(Waiting, EightDeadKdcsAtOnce_DoNotAddUp) {
    const auto dead = must(DeadKdc::open());
    const auto ticket = must(realm().ticket("alice"));
    std::vector<Container> containers;
    std::vector<KeyRequest> requests;
    for (int i = 0; i < 8; ++i) {
        containers.push_back(must(Container::start(spec_for_port(dead.port(), ticket))));
        requests.push_back(
            must(KeyRequest::start(fields_for(containers.back().tid(), unused_uid()).description())));
    }
    // Somebody whose KDC is well is not held up by them.
    const auto well = must(Container::start(spec_with_ticket(ticket, unused_uid())));
    const auto answer = ask(fields_for(well.tid(), unused_uid()));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 3000);
    for (auto& request : requests) {
        const auto late = must(request.finish());
        EXPECT_TRUE(late.error == ETIMEDOUT || late.error == EHOSTUNREACH) << late.text();
        EXPECT_LT(late.elapsed.count(), kDeadlineMs);
    }
}

}  // namespace
}  // namespace nsupcall::test
