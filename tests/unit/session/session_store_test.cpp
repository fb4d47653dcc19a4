#include "session/session_store.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

class SessionStoreTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "records count only where root owns them";
        char name[] = "/tmp/nsupcall-store-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name));
        folder_ = name;
    }
    void TearDown() override {
        if (!folder_.empty()) fs::remove_all(folder_);
    }
    [[nodiscard]] SessionStore store() const { return SessionStore((folder_ / "run" / "sessions").string()); }

    static SessionRecord record(std::uint32_t creduid = 1000, ino_t mounts = 11) {
        SessionRecord record;
        record.key = {"fs.lab.test", "10.99.0.1", "root", creduid, false};
        record.place.view.ids[0].inode = mounts;
        record.boot_id = kBoot;
        record.principal = "alice@LAB.TEST";
        record.written = kNow;
        return record;
    }
    std::size_t files() const {
        const fs::directory_iterator all(folder_ / "run" / "sessions");
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    static constexpr const char* kBoot = "boot";
    static constexpr std::int64_t kNow = 1'000'000'000;
    fs::path folder_;
};

TEST_F(SessionStoreTest, Saved_IsFoundByItsSession) {
    ASSERT_TRUE(store().save(record()));
    ASSERT_TRUE(store().save(record(1001)));
    const auto found = store().find(record().key, kBoot, kNow);
    ASSERT_EQ(1U, found.sessions.size());
    EXPECT_EQ(record(), found.sessions[0].record);
    EXPECT_TRUE(found.notes.empty());
    EXPECT_EQ(2U, store().find_any_user(record().key, kBoot, kNow).sessions.size());
    EXPECT_TRUE(store().find(record().key, "other boot", kNow).sessions.empty());
}

TEST_F(SessionStoreTest, SamePlace_IsReplaced_AnotherIsAdded) {
    ASSERT_TRUE(store().save(record()));
    auto newer = record();
    newer.principal = "bob@LAB.TEST";
    ASSERT_TRUE(store().save(newer));
    EXPECT_EQ(1U, files());
    auto elsewhere = record(1000, 12);
    elsewhere.written = kNow + 5;
    ASSERT_TRUE(store().save(elsewhere));
    const auto found = store().find(record().key, kBoot, kNow);
    ASSERT_EQ(2U, found.sessions.size());
    EXPECT_EQ(elsewhere, found.sessions[0].record) << "the newest comes first";
    EXPECT_EQ(newer, found.sessions[1].record);
    store().forget(found.sessions[0]);
    EXPECT_EQ(1U, store().find(record().key, kBoot, kNow).sessions.size());
}

TEST_F(SessionStoreTest, Old_IsNotFound) {
    ASSERT_TRUE(store().save(record()));
    EXPECT_EQ(1U, store().find(record().key, kBoot, kNow + SessionStore::kAgeMost).sessions.size());
    EXPECT_EQ(0U, store().find(record().key, kBoot, kNow + SessionStore::kAgeMost + 1).sessions.size());
}

TEST_F(SessionStoreTest, Fresh_UntilItIsOldOrDiffers) {
    EXPECT_FALSE(store().has_fresh(record(), kNow));
    auto stored = record();
    stored.anchor = {5, 6};
    ASSERT_TRUE(store().save(stored));
    EXPECT_TRUE(store().has_fresh(record(), kNow + SessionStore::kFresh)) << "no anchor asked for";
    EXPECT_FALSE(store().has_fresh(record(), kNow + SessionStore::kFresh + 1));
    EXPECT_FALSE(store().has_fresh(record(), kNow - 1)) << "written in the future";
    auto other = record();
    other.anchor = {5, 7};
    EXPECT_FALSE(store().has_fresh(other, kNow));
    other = record();
    other.principal = "bob@LAB.TEST";
    EXPECT_FALSE(store().has_fresh(other, kNow));
}

TEST_F(SessionStoreTest, Count_IsBounded_TheOldestGo) {
    constexpr std::size_t kMore = SessionStore::kRecordsMost + 10;
    for (std::size_t at = 0; at < kMore; ++at) {
        ASSERT_TRUE(store().save(record(1000, 100 + at)));
        ASSERT_LE(files(), SessionStore::kRecordsMost);
    }
    const auto last = record(1000, 100 + kMore - 1);
    bool found_last = false;
    for (const auto& session : store().find(last.key, kBoot, kNow).sessions)
        found_last = found_last || session.record == last;
    EXPECT_TRUE(found_last);
}

TEST_F(SessionStoreTest, EmptyFolderName_KeepsNothing) {
    const SessionStore none("");
    EXPECT_TRUE(none.save(record()));
    EXPECT_TRUE(none.find(record().key, kBoot, kNow).sessions.empty());
}

TEST_F(SessionStoreTest, LeftoverOfAKilledProcess_IsNoRecordAndNoObstacle) {
    ASSERT_TRUE(store().save(record()));
    const auto leftover = folder_ / "run" / "sessions" / (".new-" + std::to_string(::getpid()));
    std::ofstream(leftover) << "half a rec";
    ASSERT_TRUE(store().save(record(1000, 12)));
    EXPECT_FALSE(fs::exists(leftover));
    EXPECT_EQ(2U, store().find(record().key, kBoot, kNow).sessions.size());
}

}  // namespace
}  // namespace nsupcall
