#include "session/ticket_store.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace nsupcall {
namespace {

namespace fs = std::filesystem;
using nsutil::SecretBytes;

class TicketStoreTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "files count only where root owns them";
        char name[] = "/tmp/nsupcall-tickets-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name));
        folder_ = name;
    }
    void TearDown() override {
        if (!folder_.empty()) fs::remove_all(folder_);
    }
    [[nodiscard]] TicketStore store() const {
        return TicketStore::beside((folder_ / "run" / "sessions").string());
    }
    [[nodiscard]] fs::path tickets() const { return folder_ / "run" / "tickets"; }
    [[nodiscard]] std::size_t files() const {
        const fs::directory_iterator all(tickets());
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }

    /// A container that the kernel numbers.
    static TicketKey key(std::uint64_t serial = 100) {
        TicketKey key;
        key.host.ids = {{{4, 1}, {4, 2}, {4, 3}, {4, 4}}};
        key.place.view.ids = {{{4, 11}, {4, 2}, {4, 13}, {4, 14}}};
        key.place.serials.mount = serial;
        key.host_uid = 1000;
        key.user = "root";
        key.right = "rule svc keytab /etc/a.keytab";
        // No process of that number can be: pid_max is less.
        key.witness = {0x7ffffff0, 1000};
        return key;
    }
    static SecretBytes bytes(std::string_view text) {
        SecretBytes out(text.size());
        std::memcpy(out.data(), text.data(), text.size());
        return out;
    }
    static constexpr std::int64_t kNow = 1'000'000'000, kEnd = kNow + 36000;

    fs::path folder_;
};

TEST_F(TicketStoreTest, Saved_IsFoundByEveryPartOfItsKey) {
    ASSERT_TRUE(store().save(key(), bytes("tickets"), kEnd, kNow));
    const auto found = store().find(key(), kNow + 1);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(bytes("tickets"), *found);
    auto other = key();
    other.host_uid = 1001;
    EXPECT_FALSE(store().find(other, kNow));
    other = key();
    other.user = "alice";
    EXPECT_FALSE(store().find(other, kNow));
    other = key();
    other.right += "x";
    EXPECT_FALSE(store().find(other, kNow));
    other = key(101);
    EXPECT_FALSE(store().find(other, kNow));
    other = key();
    other.of_host = true;
    EXPECT_FALSE(store().find(other, kNow));
    EXPECT_TRUE(store().find(key(), kNow + 1));
}

TEST_F(TicketStoreTest, WithoutNumbersOfTheKernel_AProcessMustProveThePlace) {
    // An inode number may be a later container's: only who lived when the tickets were kept is believed.
    ASSERT_TRUE(store().save(key(0), bytes("tickets"), kEnd, kNow));
    auto asker = key(0);
    asker.witness = {500, 0};
    EXPECT_TRUE(store().find(asker, kNow)) << "it was started before";
    asker.witness = {500, UINT64_MAX};
    const auto found = store().find(asker, kNow);
    ASSERT_FALSE(found);
    EXPECT_EQ(EPERM, found.error().code);
    EXPECT_EQ(0U, files()) << "what is of no use stays for nobody";
}

TEST_F(TicketStoreTest, Old_Expired_AndOfTheFuture_AreNotUsed) {
    const auto refused_at = [&](std::int64_t now, std::int64_t end) {
        EXPECT_TRUE(store().save(key(), bytes("tickets"), end, kNow));
        const auto found = store().find(key(), now);
        return !found && found.error().code == EKEYEXPIRED;
    };
    EXPECT_TRUE(refused_at(kEnd, kEnd));
    EXPECT_TRUE(refused_at(kEnd - TicketStore::kLeastLife + 1, kEnd));
    EXPECT_FALSE(refused_at(kEnd - TicketStore::kLeastLife, kEnd));
    EXPECT_TRUE(refused_at(kNow - 1, kEnd));
    EXPECT_TRUE(refused_at(kNow + TicketStore::kAgeMost + 1, INT64_MAX));
    EXPECT_TRUE(refused_at(kNow, INT64_MIN));
}

TEST_F(TicketStoreTest, CutOrChangedAnywhere_IsIgnored_AndCrashesNothing) {
    ASSERT_TRUE(store().save(key(), bytes("tickets"), kEnd, kNow));
    const auto path = fs::directory_iterator(tickets())->path();
    std::string whole(fs::file_size(path), '\0');
    std::ifstream(path, std::ios::binary).read(whole.data(), static_cast<std::streamsize>(whole.size()));
    for (std::size_t size = 0; size < whole.size(); size += 7) {
        std::ofstream(path, std::ios::binary | std::ios::trunc) << whole.substr(0, size);
        EXPECT_FALSE(store().find(key(), kNow)) << size;
    }
    const std::size_t head = 24, ticket_bytes = 7;
    for (std::size_t at = 0; at + ticket_bytes < whole.size(); ++at) {
        // The end of their life, the anchor and when it was written may be others.
        if (at >= 8 && at < head) continue;
        auto changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ 1);
        std::ofstream(path, std::ios::binary | std::ios::trunc) << changed;
        const auto found = store().find(key(), kNow);
        if (found) {
            EXPECT_EQ(bytes("tickets"), *found) << at;
        }
    }
}

TEST_F(TicketStoreTest, Number_Size_AndOwnersAreBounded) {
    EXPECT_EQ(EFBIG, store().save(key(), SecretBytes(TicketStore::kBytesMost + 1), kEnd, kNow).error().code);
    for (std::uint32_t uid = 0; uid < TicketStore::kFilesMost + 20; ++uid) {
        auto one = key();
        one.host_uid = uid;
        ASSERT_TRUE(store().save(one, bytes("tickets"), kEnd, kNow));
        ASSERT_LE(files(), TicketStore::kFilesMost);
    }
    ASSERT_EQ(0, ::chown(tickets().c_str(), 1000, 1000));
    EXPECT_EQ(EPERM, store().find(key(), kNow).error().code);
    EXPECT_FALSE(store().save(key(), bytes("tickets"), kEnd, kNow));
}

TEST_F(TicketStoreTest, Lock_IsForOneKey_AndDoesNotWaitForEver) {
    using namespace std::chrono_literals;
    const auto held = store().lock(key(), nsutil::Deadline::after(10s));
    ASSERT_TRUE(held);
    const auto began = std::chrono::steady_clock::now();
    EXPECT_FALSE(store().lock(key(), nsutil::Deadline::after(200ms)));
    EXPECT_LT(std::chrono::steady_clock::now() - began, 5s);
    EXPECT_TRUE(store().lock(key(101), nsutil::Deadline::after(10s)));
}

TEST_F(TicketStoreTest, WithoutAFolder_NothingIsKept) {
    const TicketStore none("");
    EXPECT_TRUE(none.save(key(), bytes("tickets"), kEnd, kNow));
    EXPECT_EQ(ENOENT, none.find(key(), kNow).error().code);
    EXPECT_FALSE(none.lock(key(), nsutil::Deadline::after(std::chrono::seconds(1))));
}

}  // namespace
}  // namespace nsupcall
