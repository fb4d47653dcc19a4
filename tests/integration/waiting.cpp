/// @file
/// The kernel waits without limit, so the helper must not.

#include <fmt/format.h>
#include <signal.h>

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

TEST_F(Waiting, KdcsThatNeverAnswer_EndWithinTheDeadline_AndDoNotAddUp) {
    const auto dead = must(DeadKdc::open());
    const auto ticket = must(realm().ticket("alice"));
    std::vector<Container> containers;
    std::vector<KeyRequest> requests;
    for (int i = 0; i < 10; ++i) {
        // libkrb5 waits for a lost UDP packet and for a silent TCP connection in two different places.
        const auto* more = i % 2 == 0 ? "" : "    udp_preference_limit = 1";
        containers.push_back(must(Container::start(spec_for_port(dead.port(), ticket, more))));
        const auto fields = fields_for(containers.back().tid(), unused_uid());
        requests.push_back(must(KeyRequest::start(fields.description())));
    }
    // Somebody whose KDC is well is not held up by them.
    const auto well = must(Container::start(spec_with_ticket(ticket, unused_uid())));
    const auto answer = ask(fields_for(well.tid(), unused_uid()));
    (void)expect_token(answer, "alice");
    EXPECT_LT(answer.elapsed.count(), 3000);
    for (std::size_t i = 0; i < requests.size(); ++i) {
        SCOPED_TRACE(i);
        const auto late = must(requests[i].finish());
        EXPECT_TRUE(late.error == ETIMEDOUT || late.error == EHOSTUNREACH) << late.text();
        EXPECT_LT(late.elapsed.count(), kDeadlineMs);
        // A KDC that is only slow is given a chance.
        EXPECT_GT(late.elapsed.count(), 900);
    }
}

TEST_F(Waiting, WorkerThatIsStopped_EndsWithinTheDeadline) {
    // Whoever runs as the same user in the host's pid namespace can do that.
    const auto dead = must(DeadKdc::open());
    const auto container = must(Container::start(spec_for_port(dead.port(), must(realm().ticket("alice")))));
    auto request = must(KeyRequest::start(fields_for(container.tid(), unused_uid()).description()));
    ASSERT_EQ(0, ::kill(must(await_worker()), SIGSTOP));
    const auto answer = must(request.finish());
    EXPECT_EQ("ETIMEDOUT", refusal(answer));
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

}  // namespace
}  // namespace nsupcall::test
