/// @file
/// Rules that were read ahead: what makes them stale.

#include "rules/prepared_rules.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "support/must.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kDeny = "[defaults]\n  deny = yes\n";
constexpr const char* kAllow = "[defaults]\n deny = no \n";  // of the same length

class Prepared : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) NSUPCALL_SKIP("configuration files must belong to root");
    }
    void write(const std::string& text, const std::string& name = "nsupcall.conf") {
        fs::create_directories((folder_.path() / name).parent_path());
        must(write_file(folder_.path() / name, text, 0644));
    }
    [[nodiscard]] std::string path() const { return (folder_.path() / "nsupcall.conf").string(); }
    /// Older than what counts as a moment ago.
    void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(1100)); }
    /// Rules of files that have not changed for a while.
    PreparedRules settled() {
        settle();
        PreparedRules rules(path());
        rules.refresh();
        EXPECT_NE(nullptr, rules.current(path()));
        return rules;
    }
    [[nodiscard]] static bool denies(const RuleSet* rules) {
        return rules != nullptr && rules->match({}).deny;
    }

    TempDir folder_ = must(TempDir::create());
};

TEST_F(Prepared, BeforeTheFirstReading_AreNone) {
    EXPECT_EQ(nullptr, PreparedRules(path()).current(path()));
}

TEST_F(Prepared, NoFiles_AreTheDefaultsUntilThereAreSome) {
    PreparedRules rules(path());
    rules.refresh();
    ASSERT_NE(nullptr, rules.current(path()));
    EXPECT_FALSE(denies(rules.current(path())));
    write(kDeny);
    EXPECT_EQ(nullptr, rules.current(path()));
    fs::remove(path());
    EXPECT_NE(nullptr, rules.current(path()));
    write(kDeny, "nsupcall.conf.d/one.conf");
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, OfAnotherPath_AreNotGiven) {
    write(kDeny);
    EXPECT_EQ(nullptr, settled().current(path() + "x"));
}

TEST_F(Prepared, FileRewritten_IsStaleAtOnce_AndFreshAfterRefresh) {
    write(kDeny);
    auto rules = settled();
    EXPECT_TRUE(denies(rules.current(path())));
    write(kAllow);
    EXPECT_EQ(nullptr, rules.current(path()));
    settle();
    rules.refresh();
    ASSERT_NE(nullptr, rules.current(path()));
    EXPECT_FALSE(denies(rules.current(path())));
}

TEST_F(Prepared, FileRewritten_WithItsTimePutBack_IsStale) {
    write(kDeny);
    const auto rules = settled();
    struct stat info = {};
    ASSERT_EQ(0, ::stat(path().c_str(), &info));
    write(kAllow);
    const timespec times[2] = {info.st_atim, info.st_mtim};
    ASSERT_EQ(0, ::utimensat(AT_FDCWD, path().c_str(), times, 0));
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, FileReplacedByName_IsStale) {
    write(kDeny);
    write(kAllow, "other");
    const auto rules = settled();
    fs::rename(folder_.path() / "other", path());
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, FileThatOthersMayWrite_IsStale) {
    write(kAllow);
    const auto rules = settled();
    ASSERT_EQ(0, ::chmod(path().c_str(), 0666));
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, PartsAddedChangedAndRemoved_AreSeen) {
    write(kAllow, "nsupcall.conf.d/one.conf");
    auto rules = settled();
    write(kDeny, "nsupcall.conf.d/two.conf");
    EXPECT_EQ(nullptr, rules.current(path()));
    settle();
    rules.refresh();
    EXPECT_TRUE(denies(rules.current(path())));
    write(kAllow, "nsupcall.conf.d/two.conf");
    EXPECT_EQ(nullptr, rules.current(path()));
    settle();
    rules.refresh();
    EXPECT_FALSE(denies(rules.current(path())));
    fs::remove(folder_.path() / "nsupcall.conf.d/one.conf");
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, ChangedAMomentAgo_AreNotTrusted) {
    write(kDeny);
    PreparedRules rules(path());
    rules.refresh();
    EXPECT_EQ(nullptr, rules.current(path()));
}

TEST_F(Prepared, TimeInTheFuture_IsNoMatter) {
    write(kDeny);
    const timespec times[2] = {{4'000'000'000, 0}, {4'000'000'000, 0}};
    ASSERT_EQ(0, ::utimensat(AT_FDCWD, path().c_str(), times, 0));
    EXPECT_TRUE(denies(settled().current(path())));
}

}  // namespace
}  // namespace nsupcall::test
