/// @file
/// nsupcall history over upcalls through the running kernel.

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/prctl.h>

#include <fstream>
#include <thread>

#include "support/nsupcall_command.hpp"
#include "support/upcall_test.hpp"
#include "trace/history.hpp"

namespace nsupcall::test {
namespace {

using testing::HasSubstr;
using testing::Not;

class HistoryCommand : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        folder_.emplace(must(TempDir::create()));
        dir_ = (folder_->path() / "run" / "history").string();
        use_options({"--test-type=cifs.spnego", "--history-dir=" + dir_});
    }
    [[nodiscard]] std::string option() const { return "--history-dir=" + dir_; }

    std::optional<TempDir> folder_;
    std::string dir_;
};

TEST_F(HistoryCommand, AnswersAndRefusals_AreListedWithTheirStories) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    expect_token(ask(fields_for(container.tid(), uid)), "alice");
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), unused_uid(1)))));
    EXPECT_EQ("EINVAL", refusal(ask_text("ver=0x2;host=" + host() + ";nonsense")));

    const auto document = nsupcall_json({"history", "--json", option()}, "history.schema.json");
    const auto& records = document["records"];
    ASSERT_EQ(3U, records.size()) << document.dump(2);
    EXPECT_EQ("answered", records[0]["outcome"]);
    EXPECT_EQ(realm().principal("alice"), records[0]["principal"]);
    EXPECT_EQ(host(), records[0]["host"]);
    EXPECT_EQ(uid, records[0]["creduid"]);
    EXPECT_EQ(container.tid(), records[0]["requester"]["tid"]);
    EXPECT_NE("host", records[0]["requester"]["namespaces"]["mnt"]);
    EXPECT_EQ("host", records[0]["requester"]["namespaces"]["user"]);
    EXPECT_EQ("requester", records[0]["namespaces_of"]);
    EXPECT_GT(records[0]["expires"].get<std::int64_t>(), std::time(nullptr));
    EXPECT_GT(records[0]["duration_us"].get<std::int64_t>(), 100);
    EXPECT_EQ("ENOKEY", records[1]["errno"]);
    EXPECT_GT(records[1]["trace"]["candidates"].size(), 1U);
    EXPECT_EQ("EINVAL", records[2]["errno"]);
    EXPECT_TRUE(records[2]["requester"].is_null());

    const auto failed = nsupcall_command({"history", "--failed", option()});
    EXPECT_EQ(0, failed.exit_code);
    EXPECT_THAT(failed.output, HasSubstr("ENOKEY"));
    EXPECT_THAT(failed.output, Not(HasSubstr(realm().principal("alice"))));
    EXPECT_EQ(2, std::ranges::count(failed.output, '\n'));
    EXPECT_THAT(failed.output, Not(HasSubstr("\033")));

    const auto story = nsupcall_command({"history", "show", "1", option()});
    EXPECT_EQ(0, story.exit_code) << story.output;
    EXPECT_THAT(story.output, HasSubstr(fmt::format("FILE:/tmp/krb5cc_{}", uid)));
    EXPECT_THAT(story.output, HasSubstr("cifs/" + host()));
    EXPECT_EQ(1, nsupcall_command({"history", "show", "99", option()}).exit_code);
    const auto one = nsupcall_json({"history", "show", "2", "--json", option()}, "history.schema.json");
    EXPECT_EQ(2, one["records"][0]["sequence"]);
    EXPECT_EQ(
        1U,
        nsupcall_json({"history", "-n", "1", "--json", option()}, "history.schema.json")["records"].size());
}

TEST_F(HistoryCommand, OtherCalls_AreToldToo) {
    add_rule("nsupcall-history-" + host() + "*", {"--test-type=dns_resolver", "--history-dir=" + dir_});
    (void)ask_text("nsupcall-history-" + host());
    const auto document = nsupcall_json({"history", "--json", option()}, "history.schema.json");
    ASSERT_EQ(1U, document["records"].size());
    EXPECT_EQ("dns_resolver", document["records"][0]["call"]);
}

TEST_F(HistoryCommand, Follow_ShowsEachOne_AsItComes) {
    const auto out = folder_->path() / "followed";
    auto follower = must(Daemon::start(
        {.argv = {NSUPCALL_COMMAND_PATH, "history", "--follow", option()}, .log_file = out.string()}));
    for (int number = 1; number <= 3; ++number) {
        (void)ask_text("ver=0x2;host=" + host() + ";nonsense" + std::to_string(number));
        std::string text;
        constexpr int kPatience = 150;
        for (int tries = 0; tries < kPatience && std::ranges::count(text, '\n') < number; ++tries) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
            text = read_file(out).value_or("");
        }
        EXPECT_EQ(number, std::ranges::count(text, '\n')) << text;
        EXPECT_THAT(text, HasSubstr("nonsense" + std::to_string(number)));
    }
    EXPECT_TRUE(follower.alive());
}

TEST_F(HistoryCommand, HostileNames_AreEscapedEverywhere) {
    const std::string name = "\033]0;x\007<b>";
    (void)ask_text("ver=0x2;host=" + host() + ";" + name + "\xff");
    const History history(dir_);
    HistoryRecord record;
    record.program = "cifs.upcall";
    record.requester.tid = 1;
    record.requester.comm = "\xe2\x80\xae" + name;
    record.principal = record.rule = record.message = name;
    record.trace.add({name, name, Verdict::used, name, 1, name});
    must(history.append(record));
    for (const auto& arguments : std::vector<std::vector<std::string>>{
             {"history"}, {"history", "show", "1"}, {"history", "show", "2"}}) {
        auto all = arguments;
        all.push_back(option());
        const auto finished = nsupcall_command(all);
        EXPECT_EQ(0, finished.exit_code);
        EXPECT_THAT(finished.output, HasSubstr("\\x1b]0;x\\x07<b>"));
        for (const char* raw : {"\033", "\007", "\xe2\x80\xae", "\xff"})
            EXPECT_THAT(finished.output, Not(HasSubstr(raw)));
    }
    const auto document = nsupcall_json({"history", "--json", option()}, "history.schema.json");
    EXPECT_EQ(name, document["records"][1]["principal"]);
}

TEST_F(HistoryCommand, WhereItCannotBeWritten_TheUpcallIsAnsweredAllTheSame) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    std::filesystem::create_directories(dir_);
    ASSERT_EQ(0, ::chown(dir_.c_str(), 1000, 0));
    expect_token(ask(fields_for(container.tid(), uid)), "alice");
    EXPECT_TRUE(std::filesystem::is_empty(dir_));
    const auto refused = nsupcall_command({"history", option()});
    EXPECT_EQ(2, refused.exit_code);
    EXPECT_THAT(refused.output, HasSubstr("not root's alone"));
    use_options({"--test-type=cifs.spnego", "--history-dir=/proc/no/such"});
    expect_token(ask(fields_for(container.tid(), uid)), "alice");
}

TEST_F(HistoryCommand, WithTestType_NothingIsKeptByDefault) {
    const auto before = History().since(1, 0);
    use_options({"--test-type=cifs.spnego"});
    (void)ask_text("ver=0x2;host=" + host() + ";unkept");
    const auto after = History().since(1, 0);
    if (after) {
        for (const auto& record : after->records) EXPECT_THAT(record.description, Not(HasSubstr("unkept")));
    }
    EXPECT_EQ(before.has_value(), after.has_value());
}

TEST_F(HistoryCommand, ProcessesThatAskAtOnce_AreAllToldOf) {
    constexpr int kAtOnce = 12;
    std::vector<KeyRequest> requests;
    for (int at = 0; at < kAtOnce; ++at)
        requests.push_back(
            must(KeyRequest::start("ver=0x2;host=" + host() + ";nonsense" + std::to_string(at))));
    for (auto& request : requests) (void)must(request.finish());
    const auto document = nsupcall_json({"history", "--json", option()}, "history.schema.json");
    EXPECT_EQ(std::size_t{kAtOnce}, document["records"].size());
}

}  // namespace
}  // namespace nsupcall::test
