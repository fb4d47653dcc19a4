/// @file
/// nsupcall config check over files with mistakes, run as an administrator runs it.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "support/nsupcall_command.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class ConfigCheck : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) NSUPCALL_SKIP("configuration files must belong to root");
    }
    Finished check(const std::string& text) {
        must(write_file(path_, text, 0644));
        return nsupcall_command({"config", "check", "--config=" + path_.string()});
    }
    TempDir folder_ = must(TempDir::create());
    std::filesystem::path path_ = folder_.path() / "nsupcall.conf";
};

TEST_F(ConfigCheck, GoodFile_IsStatus0) {
    const auto finished = check("[rules]\n 10-a = {\n host = a\n }\n 20-b = {\n deny = yes\n }\n");
    EXPECT_EQ(0, finished.exit_code);
    EXPECT_THAT(finished.output, HasSubstr("nsupcall.conf: 2 rules, no errors\n"));
}

TEST_F(ConfigCheck, Mistakes_AreNamedWithFileAndLine_AndStatus1) {
    const auto finished = check(
        "[rules]\n    10-all = {\n        host = *.lab.test\n        deadline = 9\n    }\n"
        "    20-never = {\n        host = fs.lab.test\n        deadline = 8\n    }\n"
        "    30-odd = {\n        colour = red\n        creduid = 5-1\n    }\n");
    EXPECT_EQ(1, finished.exit_code);
    const auto here = path_.string();
    EXPECT_THAT(finished.output, HasSubstr(here + ":6: rule 20-never: it is never reached: rule 10-all"));
    EXPECT_THAT(finished.output, HasSubstr(here + ":11: rule 30-odd: unknown key"));
    EXPECT_THAT(finished.output, HasSubstr(here + ":12: rule 30-odd: bad value"));
}

TEST_F(ConfigCheck, WhatAFileSays_CannotControlTheTerminal) {
    const auto finished = check("[rules]\n 10-a = {\n \x1b[2Jkey = x\n }\n");
    EXPECT_EQ(1, finished.exit_code);
    EXPECT_THAT(finished.output, Not(HasSubstr("\x1b[2J")));
}

TEST_F(ConfigCheck, FileThatOthersMayWrite_IsStatus1) {
    must(write_file(path_, "", 0666));
    ASSERT_EQ(0, ::chmod(path_.c_str(), 0666));
    const auto finished = nsupcall_command({"config", "check", "--config=" + path_.string()});
    EXPECT_EQ(1, finished.exit_code);
    EXPECT_THAT(finished.output, HasSubstr("others than root may write to it"));
}

TEST_F(ConfigCheck, NoFile_IsGood) {
    EXPECT_EQ(0, nsupcall_command({"config", "check", "--config=" + path_.string()}).exit_code);
}

}  // namespace
}  // namespace nsupcall::test
