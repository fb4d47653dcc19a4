#include "session/living_place.hpp"

#include <gtest/gtest.h>

namespace nsupcall {
namespace {

/// A record of a container, its process, and the host, on a kernel that numbers namespaces or does not.
class Proves : public testing::Test {
  protected:
    Proves() {
        host_.ids = {{{4, 1}, {4, 2}, {4, 3}, {4, 4}}};
        host_.root_device = 8;
        host_.root_inode = 2;
        place_.view.ids = {{{4, 11}, {4, 2}, {4, 13}, {4, 14}}};
        place_.view.root_device = 50;
        place_.view.root_inode = 7;
        place_.serials = {100, 0, 101};
        record_.place = place_;
        record_.anchor = {500, 1000};
        record_.alive_ticks = 2000;
    }
    [[nodiscard]] bool proven(pid_t tgid = 600, std::uint64_t start_ticks = 1500) const {
        return proves(record_, place_, tgid, start_ticks, host_);
    }
    void forget_serials() { place_.serials = record_.place.serials = {}; }

    nsutil::NamespaceView host_;
    PlaceIdentity place_;
    SessionRecord record_;
};

TEST_F(Proves, SameNumbersOfTheKernel_Suffice) {
    EXPECT_TRUE(proven());
    EXPECT_TRUE(proven(600, 99999)) << "a process of the same container that was started later";
}

TEST_F(Proves, OtherNumbersOfTheKernel_NeverDo) {
    place_.serials.mount = 102;
    EXPECT_FALSE(proven());
    EXPECT_FALSE(proven(500, 1000)) << "the anchor's id";
}

TEST_F(Proves, AnyOtherInode_IsAnotherPlace) {
    const auto original = place_;
    for (std::size_t kind = 0; kind < nsutil::kNamespaceKinds; ++kind) {
        place_.view.ids[kind].inode += 1000;
        EXPECT_FALSE(proven()) << kind;
        place_ = original;
        place_.view.ids[kind].device += 1;
        EXPECT_FALSE(proven()) << kind;
        place_ = original;
    }
    place_.view.root_inode = 8;
    EXPECT_FALSE(proven()) << "another root directory";
}

TEST_F(Proves, ControlGroup_DoesNotCount) {
    place_.container = std::string(64, 'c');
    EXPECT_TRUE(proven());
}

TEST_F(Proves, WithoutNumbers_TheAnchorItselfDoes) {
    forget_serials();
    EXPECT_TRUE(proven(500, 1000));
    EXPECT_FALSE(proven(500, 2001)) << "another process with the anchor's id";
}

TEST_F(Proves, WithoutNumbers_AProcessStartedBeforeTheRecordDoes) {
    forget_serials();
    EXPECT_TRUE(proven(600, 1999));
    EXPECT_FALSE(proven(600, 2000)) << "the same tick: it may have been later";
    EXPECT_FALSE(proven(600, 2001));
}

TEST_F(Proves, WithoutNumbersAndPidNamespace_OnlyTheAnchorDoes) {
    // A process can leave a mount namespace for one that got its number: an early start proves nothing.
    forget_serials();
    place_.view.ids[3] = record_.place.view.ids[3] = host_.ids[3];
    EXPECT_FALSE(proven(600, 1500));
    EXPECT_TRUE(proven(500, 1000));
}

TEST_F(Proves, RecordOfTheHost_IsOfNoProcess) {
    record_.of_host = true;
    EXPECT_FALSE(proven());
}

TEST(FindLiving, OwnProcess_IsFoundByItsAnchorAndByTheScan) {
    const auto own = nsutil::NamespaceView::own();
    ASSERT_TRUE(own);
    // Seen from a host whose namespaces are all others.
    auto host = *own;
    for (auto& id : host.ids) id.inode += 1;
    const auto me = LivingProcess::open(::getpid(), host);
    if (!me && me.error().code == EACCES) GTEST_SKIP() << "namespaces of this process cannot be opened";
    ASSERT_TRUE(me) << me.error().text();
    SessionRecord record;
    record.place = me->place;
    record.anchor = {::getpid(), me->start_ticks};
    record.alive_ticks = UINT64_MAX;
    SessionRecord gone = record;
    gone.place.view.root_inode += 1;
    const SessionRecord* both[] = {&record, &gone};
    const auto deadline = nsutil::Deadline::after(std::chrono::seconds(20));
    auto search = find_living(both, host, deadline);
    EXPECT_TRUE(search.complete);
    ASSERT_EQ(2U, search.found.size());
    ASSERT_TRUE(search.found[0]);
    EXPECT_EQ(::getpid(), search.found[0]->task.tid());
    EXPECT_FALSE(search.found[1]);
    record.anchor = {};
    search = find_living(std::span(both).first(1), host, deadline);
    ASSERT_TRUE(search.found[0]);
    EXPECT_EQ(me->place, search.found[0]->place);
}

TEST(FindLiving, PassedDeadline_IsNotComplete) {
    const auto own = nsutil::NamespaceView::own();
    ASSERT_TRUE(own);
    SessionRecord record;
    const SessionRecord* one[] = {&record};
    EXPECT_FALSE(find_living(one, *own, nsutil::Deadline::after(std::chrono::milliseconds(0))).complete);
}

}  // namespace
}  // namespace nsupcall
