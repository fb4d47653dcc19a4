/// @file
/// DIR collections: when the primary cache is enough, and when the others count.

#include <chrono>

#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

class Collections : public UpcallTest {
  protected:
    /// A collection with two caches.
    /// @param named  what the file `primary` says
    static ContainerSpec spec_with(const Ticket& first, const Ticket& second, std::uint32_t uid,
                                   const std::string& named = "tkt1") {
        auto spec = spec_with_ticket(first, uid);
        spec.files = {
            krb5_conf_file(),
            {.path = "/tmp/ccs/primary", .content = named + "\n", .mode = 0600, .uid = uid, .gid = uid},
            ccache_file(first, "/tmp/ccs/tkt1", uid),
            ccache_file(second, "/tmp/ccs/tkt2", uid)};
        spec.environment = {"KRB5CCNAME=DIR:/tmp/ccs"};
        return spec;
    }
};

TEST_F(Collections, PrimaryThatServes_IsUsed_WhateverElseThereIs) {
    const auto uid = unused_uid();
    const TicketOptions brief = {.lifetime = std::chrono::seconds(600), .service_ahead = true};
    const auto primary = must(realm().ticket("bob", brief));
    const auto lasting = must(realm().ticket("alice", {.service_ahead = true}));
    for (const char* user : {"", "root", "bob"}) {
        SCOPED_TRACE(user);
        const auto container = must(Container::start(spec_with(primary, lasting, uid)));
        auto fields = fields_for(container.tid(), uid);
        fields.user = user;
        (void)expect_token(ask(fields), "bob");
    }
}

TEST_F(Collections, PrimaryWithoutTheTicket_GivesWayToOneThatHasIt) {
    const auto uid = unused_uid();
    const auto serving = must(realm().ticket("alice", {.service_ahead = true}));
    const auto container = must(Container::start(spec_with(must(realm().ticket("bob")), serving, uid)));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

TEST_F(Collections, PrimaryOfSomebodyElse_DoesNotEndTheSearch) {
    const auto uid = unused_uid();
    const auto primary = must(realm().ticket("bob", {.service_ahead = true}));
    const auto container = must(Container::start(spec_with(primary, must(realm().ticket("alice")), uid)));
    for (const auto& user : {std::string("alice"), realm().principal("alice")}) {
        SCOPED_TRACE(user);
        auto fields = fields_for(container.tid(), uid);
        fields.user = user;
        (void)expect_token(ask(fields), "alice");
    }
}

TEST_F(Collections, WithoutAPrimary_TheLatestToExpireIsUsed) {
    const auto uid = unused_uid();
    const TicketOptions brief = {.lifetime = std::chrono::seconds(600), .service_ahead = true};
    const auto first = must(realm().ticket("bob", brief));
    const auto lasting = must(realm().ticket("alice", {.service_ahead = true}));
    const auto container = must(Container::start(spec_with(first, lasting, uid, "tkt-of-nobody")));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

}  // namespace
}  // namespace nsupcall::test
