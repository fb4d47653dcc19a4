#include "trace/history.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace nsupcall {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kNow = 1'800'000'000'000'000;

HistoryRecord record_at(std::int64_t time_us, std::string host = "fs.lab.test") {
    HistoryRecord record;
    record.time_us = time_us;
    record.host = std::move(host);
    return record;
}

class HistoryTest : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) GTEST_SKIP() << "a history counts only where root owns it";
        char name[] = "/tmp/nsupcall-history-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name));
        top_ = name;
    }
    void TearDown() override {
        if (!top_.empty()) fs::remove_all(top_);
    }
    [[nodiscard]] History history() const { return History((top_ / "run" / "history").string()); }
    [[nodiscard]] fs::path file() const { return top_ / "run" / "history" / History::kFile; }

    void fill(std::uint64_t count, std::int64_t time_us = kNow) {
        for (std::uint64_t at = 0; at < count; ++at) {
            const auto number = history().append(record_at(time_us, std::to_string(at)));
            ASSERT_TRUE(number) << number.error().text();
        }
    }
    /// Overwrites bytes of a record's slot.
    void damage(std::uint64_t sequence, off_t at, std::string_view bytes) {
        const int fd = ::open(file().c_str(), O_WRONLY | O_CLOEXEC);
        ASSERT_GE(fd, 0);
        const auto slot = static_cast<off_t>((1 + sequence % History::kSlots) * History::kSlotSize);
        EXPECT_EQ(static_cast<ssize_t>(bytes.size()), ::pwrite(fd, bytes.data(), bytes.size(), slot + at));
        (void)::close(fd);
    }

    fs::path top_;
};

TEST_F(HistoryTest, Appended_IsReadInOrder_FromWhereOneWas) {
    EXPECT_EQ(1U, history().append(record_at(kNow, "a")).value_or(0));
    EXPECT_EQ(2U, history().append(record_at(kNow, "b")).value_or(0));
    const auto all = history().since(1, kNow);
    ASSERT_TRUE(all) << all.error().text();
    ASSERT_EQ(2U, all->records.size());
    EXPECT_EQ("a", all->records[0].host);
    EXPECT_EQ(1U, all->records[0].sequence);
    EXPECT_EQ("b", all->records[1].host);
    EXPECT_EQ(3U, all->next);
    EXPECT_EQ(0U, all->lost);

    EXPECT_EQ(3U, history().append(record_at(kNow, "c")).value_or(0));
    const auto more = history().since(all->next, kNow);
    ASSERT_TRUE(more);
    ASSERT_EQ(1U, more->records.size());
    EXPECT_EQ("c", more->records[0].host);
    EXPECT_EQ(all->generation, more->generation);
    EXPECT_EQ("b", history().find(2).value_or(HistoryRecord{}).host);
    EXPECT_EQ(ENOENT, history().find(4).error().code);
}

TEST_F(HistoryTest, FolderAndFile_AreRootsAlone) {
    fill(1);
    struct stat info = {};
    ASSERT_EQ(0, ::stat(file().c_str(), &info));
    EXPECT_EQ(0600U, info.st_mode & 07777U);
    ASSERT_EQ(0, ::stat(file().parent_path().c_str(), &info));
    EXPECT_EQ(0700U, info.st_mode & 07777U);
    EXPECT_EQ(1, std::distance(fs::directory_iterator(file().parent_path()), {}));
}

TEST_F(HistoryTest, Wrapped_KeepsTheNewest_AndCountsTheLost) {
    fill(History::kSlots + 5);
    const auto all = history().since(1, kNow);
    ASSERT_TRUE(all);
    EXPECT_EQ(History::kSlots, all->records.size());
    EXPECT_EQ(5U, all->lost);
    EXPECT_EQ(6U, all->records.front().sequence);
    EXPECT_EQ(History::kSlots + 5, all->records.back().sequence);
    EXPECT_EQ(ENOENT, history().find(5).error().code);
    EXPECT_TRUE(history().find(6));
}

TEST_F(HistoryTest, TornAndForged_CountAsLost_TheOthersStay) {
    fill(4);
    damage(2, 100, "torn");
    damage(3, 0, std::string(16, '\x7f'));  // number and checksum
    const auto all = history().since(1, kNow + 2 * History::kPendingUs);
    ASSERT_TRUE(all);
    ASSERT_EQ(2U, all->records.size());
    EXPECT_EQ(4U, all->records[1].sequence);
    EXPECT_EQ(2U, all->lost);
    EXPECT_EQ(5U, all->next);
}

TEST_F(HistoryTest, RecordsUnderWay_AreWaitedFor_ThenLost) {
    fill(3);
    // The second writer has its number, but has not written yet.
    damage(2, 0, std::string(32, '\0'));
    const auto early = history().since(1, kNow);
    ASSERT_TRUE(early);
    EXPECT_EQ(1U, early->records.size());
    EXPECT_EQ(2U, early->next);
    EXPECT_EQ(0U, early->lost);
    const auto late = history().since(early->next, kNow + History::kPendingUs);
    ASSERT_TRUE(late);
    ASSERT_EQ(1U, late->records.size());
    EXPECT_EQ(3U, late->records[0].sequence);
    EXPECT_EQ(1U, late->lost);
    EXPECT_EQ(4U, late->next);
}

TEST_F(HistoryTest, MadeAnew_HasAnotherGeneration_AndIsReadFromItsBeginning) {
    fill(3);
    const auto before = history().since(1, kNow);
    fs::remove_all(file().parent_path());
    fill(1);
    const auto after = history().since(before->next, kNow);
    ASSERT_TRUE(after);
    EXPECT_NE(before->generation, after->generation);
    EXPECT_EQ(1U, after->records.size());
}

TEST_F(HistoryTest, ManyProcessesAtOnce_LoseNothing) {
    constexpr int kWriters = 8, kEach = 100;
    static_assert(kWriters * kEach <= History::kSlots);
    std::vector<pid_t> children;
    for (int writer = 0; writer < kWriters; ++writer) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            // They also race for making the ring.
            bool good = true;
            for (int at = 0; at < kEach; ++at)
                good = good && history()
                                   .append(record_at(kNow, std::to_string(writer) + "." + std::to_string(at)))
                                   .has_value();
            ::_exit(good ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = -1;
        ASSERT_EQ(child, ::waitpid(child, &status, 0));
        EXPECT_EQ(0, status);
    }
    const auto all = history().since(1, kNow + History::kPendingUs);
    ASSERT_TRUE(all);
    EXPECT_EQ(0U, all->lost);
    std::set<std::string> hosts;
    for (const auto& record : all->records) hosts.insert(record.host);
    EXPECT_EQ(std::size_t{kWriters * kEach}, hosts.size());
    EXPECT_EQ(std::size_t{kWriters * kEach}, all->records.size());
}

TEST_F(HistoryTest, WritersThatLapEachOther_LeaveNothingTorn) {
    // Two processes write the ring round several times while it is read.
    fill(1);
    constexpr std::uint64_t kEach = 3 * History::kSlots;
    std::vector<pid_t> children;
    for (int writer = 0; writer < 2; ++writer) {
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto record = record_at(kNow, std::string(200, static_cast<char>('a' + writer)));
            for (std::uint64_t at = 0; at < kEach; ++at) {
                record.message.assign(at % 900, 'm');
                (void)history().append(record);
            }
            ::_exit(0);
        }
        children.push_back(child);
    }
    std::uint64_t next = 1, seen = 0, lost = 0;
    while (next < 2 * kEach) {
        const auto tail = history().since(next, kNow + History::kPendingUs);
        ASSERT_TRUE(tail);
        for (const auto& record : tail->records) {
            ASSERT_GE(record.sequence, next);
            next = record.sequence + 1;
            ASSERT_TRUE(record.host.size() == 200 || record.sequence == 1);
            ASSERT_EQ(std::string(record.host.size(), record.host[0]), record.host);
        }
        seen += tail->records.size();
        lost += tail->lost;
        next = tail->next;
    }
    for (const pid_t child : children) (void)::waitpid(child, nullptr, 0);
    const auto rest = history().since(next, kNow + History::kPendingUs);
    ASSERT_TRUE(rest);
    EXPECT_EQ(2 * kEach + 1, seen + lost + rest->records.size() + rest->lost);
}

TEST_F(HistoryTest, NotRootsAlone_IsNeitherReadNorWritten) {
    fill(1);
    for (const auto& path : {file(), file().parent_path()}) {
        ASSERT_EQ(0, ::chown(path.c_str(), 1000, 0));
        EXPECT_EQ(EPERM, history().append(record_at(kNow)).error().code) << path;
        EXPECT_EQ(EPERM, history().since(1, kNow).error().code) << path;
        ASSERT_EQ(0, ::chown(path.c_str(), 0, 0));
        ASSERT_EQ(0, ::chmod(path.c_str(), 0777));
        EXPECT_EQ(EPERM, history().append(record_at(kNow)).error().code) << path;
        EXPECT_EQ(EPERM, history().find(1).error().code) << path;
        ASSERT_EQ(0, ::chmod(path.c_str(), 0700));
    }
    EXPECT_EQ(2U, history().append(record_at(kNow)).value_or(0));
}

TEST_F(HistoryTest, SomethingElseInItsPlace_IsNeverFollowed_AndReplacedWhereItIsAFile) {
    fs::create_directories(file().parent_path());
    ASSERT_EQ(0, ::chmod(file().parent_path().c_str(), 0700));
    const auto elsewhere = top_ / "elsewhere";
    std::ofstream(elsewhere) << "precious";
    fs::create_symlink(elsewhere, file());
    EXPECT_FALSE(history().append(record_at(kNow)));
    EXPECT_EQ(8U, fs::file_size(elsewhere));
    fs::remove(file());
    ASSERT_EQ(0, ::mkfifo(file().c_str(), 0600));
    EXPECT_TRUE(history().append(record_at(kNow)));  // never blocks on it
    fs::remove(file());
    std::ofstream(file()) << "no ring";
    ASSERT_EQ(0, ::chmod(file().c_str(), 0600));
    EXPECT_EQ(EPROTO, history().since(1, kNow).error().code);
    EXPECT_EQ(1U, history().append(record_at(kNow)).value_or(0));
    EXPECT_EQ(1U, history().since(1, kNow)->records.size());
}

TEST_F(HistoryTest, WithoutAFolder_NothingIsKept) {
    const History none("");
    EXPECT_EQ(0U, none.append(record_at(kNow)).value_or(9));
    EXPECT_EQ(ENOENT, none.since(1, kNow).error().code);
    EXPECT_EQ(ENOENT, history().since(1, kNow).error().code);
}

TEST_F(HistoryTest, UnwritableFolder_IsAnErrorAndNoMore) {
    // procfs lets nobody make anything.
    const auto done = History("/proc/nsupcall/history").append(record_at(kNow));
    EXPECT_FALSE(done);
}

}  // namespace
}  // namespace nsupcall
