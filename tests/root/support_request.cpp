/// @file
/// Rules and requests against the running kernel, answered by a stand-in helper.

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/key_request.hpp"
#include "support/leftovers.hpp"
#include "support/must.hpp"
#include "support/request_rule.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

std::string unique_host() {
    static int number = 0;
    return "rq-" + std::to_string(::getpid()) + "-" + std::to_string(++number) + ".lab.test";
}

RequestRule rule_for(const std::string& host, const std::string& what) {
    return must(RequestRule::install({.description = RequestRule::pattern_for(host),
                                      .program = STAND_IN_HELPER,
                                      .arguments = {what, "%k"}}));
}

std::string description_for(const std::string& host) {
    UpcallFields fields;
    fields.host = host;
    fields.pid = ::getpid();
    return fields.description();
}

TEST(SupportRequest, Description_HasTheKernelsShape) {
    UpcallFields fields;
    fields.host = "dc1.lab.test";
    fields.address = "ip4=10.99.0.1";
    fields.creduid = 0x1b59;
    fields.user = "root";
    fields.pid = 0x144;
    EXPECT_EQ(
        "ver=0x2;host=dc1.lab.test;ip4=10.99.0.1;sec=krb5;uid=0x0;creduid=0x1b59;user=root;pid=0x144;upcall_"
        "target=app",
        fields.description());
    fields.user.reset();
    fields.upcall_target.reset();
    EXPECT_EQ("ver=0x2;host=dc1.lab.test;ip4=10.99.0.1;sec=krb5;uid=0x0;creduid=0x1b59;pid=0x144",
              fields.description());
}

TEST(SupportRequest, Instantiated_GivesThePayload) {
    const auto host = unique_host();
    const auto rule = rule_for(host, "instantiate");
    const auto answer = must(ask_kernel(description_for(host)));
    EXPECT_EQ(0, answer.error) << answer.text();
    EXPECT_EQ("answer", answer.payload);
}

TEST(SupportRequest, Rejected_GivesTheErrno) {
    const auto host = unique_host();
    const auto rule = rule_for(host, "reject");
    const auto answer = must(ask_kernel(description_for(host)));
    EXPECT_EQ(EKEYEXPIRED, answer.error) << answer.text();
    EXPECT_LE(answer.remembered_s, 1);
    EXPECT_GE(answer.remembered_s, 0);
    EXPECT_TRUE(keys_under_construction(200).empty());
}

TEST(SupportRequest, HelperThatDoesNothing_IsToldFromARejection) {
    const auto host = unique_host();
    const auto rule = rule_for(host, "nothing");
    const auto answer = must(ask_kernel(description_for(host)));
    EXPECT_EQ(ENOKEY, answer.error) << answer.text();
    EXPECT_GE(answer.remembered_s, 55);
}

TEST(SupportRequest, Sleeping_ShowsAKeyUnderConstructionAndAHelper) {
    const auto host = unique_host();
    const auto rule = rule_for(host, "sleep");
    auto request = must(KeyRequest::start(description_for(host)));
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    EXPECT_EQ(1U, keys_under_construction().size());
    EXPECT_EQ(1U, rule.running_helpers().size());
    const auto answer = must(request.finish());
    EXPECT_EQ(EKEYREJECTED, answer.error);
    EXPECT_GE(answer.elapsed.count(), 900);
    EXPECT_TRUE(keys_under_construction(200).empty());
}

TEST(SupportRequest, NobodyAnswers_IsEnokey) {
    const auto answer = must(ask_kernel(description_for(unique_host())));
    EXPECT_EQ(ENOKEY, answer.error) << answer.text();
}

TEST(SupportRequest, Rule_OfTheOtherHost_IsNotTaken) {
    const auto host = unique_host();
    const auto rule = rule_for(host, "instantiate");
    const auto other = rule_for(unique_host(), "reject");
    EXPECT_EQ(0, must(ask_kernel(description_for(host))).error);
}

TEST(SupportRequest, Rule_GoesAwayWithItsObject) {
    fs::path file;
    {
        const auto rule = rule_for(unique_host(), "instantiate");
        file = rule.file();
        EXPECT_TRUE(fs::exists(file));
    }
    EXPECT_FALSE(fs::exists(file));
}

TEST(SupportRequest, Rule_OfADeadRun_IsSweptAway) {
    const pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    ::waitpid(gone, nullptr, 0);
    const fs::path stale = "/etc/request-key.d/nsupcall-test-" + std::to_string(gone) + "-1.conf";
    const fs::path alive = "/etc/request-key.d/nsupcall-test-" + std::to_string(::getppid()) + "-999999.conf";
    std::ofstream(stale) << "# left by a test run that was killed\n";
    std::ofstream(alive) << "# of a run that goes on\n";
    const auto rule = rule_for(unique_host(), "instantiate");
    EXPECT_FALSE(fs::exists(stale));
    EXPECT_TRUE(fs::exists(alive));
    fs::remove(alive);
}

TEST(SupportRequest, Rule_WithSpaces_IsRefused) {
    EXPECT_FALSE(
        RequestRule::install({.description = "a b", .program = STAND_IN_HELPER, .arguments = {"%k"}}));
    EXPECT_FALSE(
        RequestRule::install({.description = "a", .program = STAND_IN_HELPER, .arguments = {"x y"}}));
}

}  // namespace
}  // namespace nsupcall::test
