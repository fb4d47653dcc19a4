/// @file
/// Nothing stays behind when a test run is interrupted or killed.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "nsutil/unique_fd.hpp"
#include "support/container.hpp"
#include "support/must.hpp"
#include "support/realm.hpp"
#include "support/request_rule.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

bool becomes(bool wanted, const std::function<bool()>& condition) {
    for (int i = 0; i < 1000; ++i) {
        if (condition() == wanted) return true;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
}

class SupportJanitor : public testing::TestWithParam<int> {};

TEST_P(SupportJanitor, RunEndedBySignal_LeavesNothing) {
    int ends[2];
    ASSERT_EQ(0, ::pipe(ends));
    const nsutil::UniqueFd from(ends[0]);
    nsutil::UniqueFd to(ends[1]);
    const pid_t run = ::fork();
    ASSERT_GE(run, 0);
    if (run == 0) {
        ::setpgid(0, 0);
        // A run with all that a run can have: folders, a KDC, a rule, a container with two namespaces.
        auto realm = must(Realm::start());
        auto rule = must(RequestRule::install({.description = RequestRule::pattern_for(realm.service_host()),
                                               .program = "/bin/true",
                                               .arguments = {"%k"}}));
        ContainerSpec spec;
        spec.user = UserNamespaceSpec::same({{0, 4200000, 1000}});
        spec.nested_user = UserNamespaceSpec::same({{0, 5, 10}});
        auto container = must(Container::start(spec));
        const std::string text = realm.folder().string() + "\n" + rule.file().string() + "\n" +
                                 rule.program_link().string() + "\n" + std::to_string(container.pid()) + "\n";
        (void)!::write(ends[1], text.data(), text.size());
        for (;;) ::pause();
    }
    to.reset();
    char text[2048] = {};
    const ssize_t size = ::read(from.get(), text, sizeof text - 1);
    ASSERT_GT(size, 0);
    std::vector<std::string> lines;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    ASSERT_EQ(4U, lines.size());
    const pid_t inner = std::stoi(lines[3]);
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(fs::exists(fs::symlink_status(lines[static_cast<std::size_t>(i)])));
    ASSERT_EQ(0, ::kill(inner, 0));

    ASSERT_EQ(0, ::kill(-run, GetParam()));
    int status = 0;
    ASSERT_EQ(run, ::waitpid(run, &status, 0));
    for (int i = 0; i < 3; ++i) {
        const auto& path = lines[static_cast<std::size_t>(i)];
        EXPECT_TRUE(becomes(false, [&] { return fs::exists(fs::symlink_status(path)); })) << path;
    }
    // A zombie has no namespaces any more; init may take its time to reap it.
    EXPECT_TRUE(becomes(true, [&] {
        std::error_code failed;
        (void)fs::read_symlink("/proc/" + lines[3] + "/ns/mnt", failed);
        return static_cast<bool>(failed);
    }));
    // The KDC was started in the realm's folder, and names it.
    EXPECT_TRUE(becomes(true, [&] {
        for (const auto& entry : fs::directory_iterator("/proc")) {
            const auto environment = read_file(entry.path() / "environ").value_or("");
            if (environment.find("KRB5_KDC_PROFILE=" + lines[0] + "/") != std::string::npos) return false;
        }
        return true;
    }));
}

INSTANTIATE_TEST_SUITE_P(Signals, SupportJanitor, testing::Values(SIGINT, SIGTERM, SIGHUP, SIGKILL));

}  // namespace
}  // namespace nsupcall::test
