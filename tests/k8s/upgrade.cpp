/// @file
/// The node's bundle is upgraded while upcalls run: none is lost, none is answered wrongly.

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>

#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

class Upgrade : public UpcallTest {
  protected:
    /// A node below a folder, whose prefix is at the same path for the node and for this machine (a link
    /// leads from the one to the other): so the running kernel's request-key can run what was installed.
    void SetUp() override {
        UpcallTest::SetUp();
        if (!fs::exists(fs::path(NSUPCALL_BUNDLE) / "sbin/cifs.upcall"))
            NSUPCALL_SKIP("no bundle was made; run ctest, or tests/k8s/bundle");
        folder_.emplace(must(TempDir::create()));
        root_ = folder_->path() / "node";
        prefix_ = folder_->path() / "prefix";
        fs::create_directories(root_ / "usr/sbin");
        fs::create_directories(root_ / "proc");
        fs::create_directories(root_ / prefix_.relative_path());
        fs::create_symlink("usr/sbin", root_ / "sbin");
        fs::copy_file("/sbin/request-key", root_ / "usr/sbin/request-key");
        fs::create_directory_symlink(root_ / prefix_.relative_path(), prefix_);
        // libraries are found from /proc/self/exe
        (void)must(run_checked({.argv = {"mount", "-t", "proc", "proc", (root_ / "proc").string()}}));
    }
    void TearDown() override {
        if (!root_.empty()) (void)run_program({.argv = {"umount", "-l", (root_ / "proc").string()}});
        UpcallTest::TearDown();
    }

    /// A bundle of its own: it differs from all others in one file.
    fs::path bundle(unsigned number) {
        const auto path = folder_->path() / fmt::format("bundle-{}", number);
        fs::copy(NSUPCALL_BUNDLE, path, fs::copy_options::recursive | fs::copy_options::create_hard_links);
        must(write_file(path / "share/nsupcall/number", std::to_string(number), 0644));
        return path;
    }
    void install(const fs::path& bundle) {
        const auto said =
            run_checked({.argv = {(fs::path(NSUPCALL_BUNDLE_PROGRAM)).string(), "node", "install", "--root",
                                  root_.string(), "--prefix", prefix_.string(), "--bundle", bundle.string(),
                                  "--message-file", "/dev/null"}});
        ASSERT_TRUE(said) << said.error().text();
    }
    [[nodiscard]] std::string version_in_use() const {
        return fs::read_symlink(prefix_ / "current").filename().string();
    }

    fs::path root_, prefix_;
    std::optional<TempDir> folder_;
};

TEST_F(Upgrade, UpcallsUnderWay_AreAllAnswered) {
    constexpr unsigned kUpgrades = 8;
    constexpr std::uint32_t kUid = 0;
    install(bundle(0));
    // More specific than the fixture's rule, so this is the one that counts.
    const auto rule = must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.1;*",
                                                 .program = prefix_ / "current/sbin/cifs.upcall",
                                                 .arguments = {"--test-type=cifs.spnego", "%k"}}));
    // The rule's own link leads to the name, not to the version behind it.
    ASSERT_EQ((prefix_ / "current/sbin/cifs.upcall").string(),
              fs::read_symlink(rule.program_link()).string());
    const auto ticket = must(realm().ticket("alice", {.service_ahead = true}));
    const auto container = must(Container::start(spec_with_ticket(ticket, kUid)));
    const auto fields = fields_for(container.pid(), kUid);
    (void)expect_token(ask(fields), "alice");

    std::atomic<bool> done = false;
    std::atomic<unsigned> answered = 0;
    std::vector<std::string> lost;
    std::thread asker([&] {
        while (!done) {
            const auto answer = must(ask_kernel(fields.description()));
            if (answer.error == 0)
                ++answered;
            else
                lost.push_back(answer.text());
        }
    });
    std::set<std::string> versions;
    std::vector<unsigned> between;
    for (unsigned number = 1; number <= kUpgrades; ++number) {
        const unsigned before = answered;
        install(bundle(number));
        versions.insert(version_in_use());
        // at least two whole upcalls with each version
        for (int waited = 0; answered < before + 2 && waited < 1000; ++waited) ::usleep(10'000);
        between.push_back(answered - before);
    }
    done = true;
    asker.join();
    EXPECT_EQ(kUpgrades, versions.size());
    EXPECT_TRUE(lost.empty()) << lost.size() << " upcalls were lost; the first: " << lost.front();
    for (const unsigned count : between) EXPECT_GE(count, 2U);
    (void)expect_token(ask(fields), "alice");
    fmt::print("{} upcalls during {} upgrades, {} lost\n", answered.load(), kUpgrades, lost.size());
}

}  // namespace
}  // namespace nsupcall::test
