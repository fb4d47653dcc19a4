/// @file
/// One upcall, one log record that tells an admin what happened.

#include <fmt/format.h>
#include <sys/stat.h>

#include <chrono>

#include "support/log_sink.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

class Logging : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        sink_.emplace(realm().folder() / "log");
    }

    /// The helper's log goes to the sink, as `kind` ("syslog", "journal").
    void log_to(const std::string& kind, std::vector<std::string> options = {}) {
        std::vector<std::string> arguments = {sink_->path().string(), kind, NSUPCALL_HELPER_PATH};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.insert(arguments.end(), {"--test-type=cifs.spnego", "%k"});
        rule_.reset();
        // More specific than the fixture's rule for the same host.
        rule_ = must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.9;*",
                                           .program = NSUPCALL_PRIVATE_LOG_PATH,
                                           .arguments = std::move(arguments)}));
    }

    KeyAnswer ask_logged(UpcallFields fields) {
        fields.address = "ip4=127.0.0.9";
        return ask(fields);
    }

    std::vector<std::string> records() { return sink_->records(); }

    static bool says(const std::string& record, const std::string& word) {
        return record.find(word) != std::string::npos;
    }

    static std::string namespace_inode(pid_t tid, const std::string& kind) {
        struct stat info {};
        EXPECT_EQ(0, ::stat(fmt::format("/proc/{}/ns/{}", tid, kind).c_str(), &info));
        return std::to_string(info.st_ino);
    }

    std::optional<LogSink> sink_;
    std::optional<RequestRule> rule_;
};

TEST_F(Logging, Failure_IsOneRecord_WithWhoWhereWhatAndWhy) {
    auto spec = spec_with_ticket(must(realm().expired_ticket("alice")), 5);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    spec.environment = {"KRB5CCNAME=FILE:/tmp/nothing-here"};
    const auto container = must(Container::start(spec));
    for (const char* kind : {"syslog", "journal"}) {
        SCOPED_TRACE(kind);
        log_to(kind);
        ASSERT_EQ("EKEYEXPIRED", refusal(ask_logged(fields_for(container.tid(), unused_uid(5)))));
        const auto all = records();
        ASSERT_EQ(1U, all.size());
        const std::string& record = all[0];
        EXPECT_TRUE(says(record, "cifs.upcall")) << record;
        EXPECT_TRUE(says(record, std::to_string(container.tid()))) << record;
        EXPECT_TRUE(says(record, namespace_inode(container.tid(), "mnt"))) << record;
        EXPECT_TRUE(says(record, namespace_inode(container.tid(), "user"))) << record;
        EXPECT_TRUE(says(record, std::to_string(unused_uid(5)))) << record;
        EXPECT_TRUE(says(record, host())) << record;
        EXPECT_TRUE(says(record, "/tmp/nothing-here")) << record;
        EXPECT_TRUE(says(record, "/tmp/krb5cc_5")) << record;
        EXPECT_TRUE(says(record, "expired")) << record;
        EXPECT_TRUE(says(record, "EKEYEXPIRED")) << record;
    }
}

TEST_F(Logging, Journal_HasFields) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().expired_ticket("alice")), unused_uid())));
    log_to("journal");
    ASSERT_EQ("EKEYEXPIRED", refusal(ask_logged(fields_for(container.tid(), unused_uid()))));
    const auto all = records();
    ASSERT_EQ(1U, all.size());
    const std::string record = "\n" + all[0];
    for (const auto& field :
         {std::string("SYSLOG_IDENTIFIER=cifs.upcall"), std::string("PRIORITY=3"), "NSUPCALL_HOST=" + host(),
          fmt::format("NSUPCALL_REQUESTER_TID={}", container.tid()),
          fmt::format("NSUPCALL_CREDUID={}", unused_uid()), std::string("NSUPCALL_ERRNO=EKEYEXPIRED")}) {
        EXPECT_TRUE(says(record, "\n" + field + "\n")) << field << " in " << record;
    }
}

TEST_F(Logging, Success_IsOneRecord_WithoutSecrets) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    log_to("syslog", {"-d"});
    const auto answer = ask_logged(fields_for(container.tid(), unused_uid()));
    (void)expect_token(answer, "alice");
    const auto payload = must(parse_payload(answer.payload));
    const auto all = records();
    ASSERT_GE(all.size(), 1U);
    std::size_t answered = 0;
    for (const auto& record : all) {
        answered += says(record, "alice@" + realm().name()) ? 1 : 0;
        EXPECT_FALSE(says(record, payload.session_key));
        EXPECT_FALSE(says(record, payload.session_key.substr(0, 8)));
    }
    EXPECT_EQ(1U, answered);
}

TEST_F(Logging, HostileNames_AreEscaped) {
    // What a container chooses must not forge a line or a field.
    auto spec = spec_with_ticket(must(realm().expired_ticket("alice")), unused_uid());
    spec.environment = {"KRB5CCNAME=FILE:/tmp/x\nPRIORITY=0\nforged: \x1b[31m line"};
    const auto container = must(Container::start(spec));
    for (const char* kind : {"syslog", "journal"}) {
        SCOPED_TRACE(kind);
        log_to(kind);
        EXPECT_NE(0, ask_logged(fields_for(container.tid(), unused_uid())).error);
        const auto all = records();
        ASSERT_EQ(1U, all.size());
        EXPECT_FALSE(says(all[0], "\nPRIORITY=0")) << all[0];
        EXPECT_FALSE(says(all[0], "\nforged")) << all[0];
        EXPECT_FALSE(says(all[0], "\x1b")) << all[0];
    }
}

TEST_F(Logging, LoggerThatReadsNothing_CostsTheRecord_NotTheUpcall) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    for (const char* kind : {"syslog", "journal"}) {
        SCOPED_TRACE(kind);
        log_to(kind);
        const auto filled = sink_->fill();
        ASSERT_GT(filled, 0U);
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_EQ(0, ask_logged(fields_for(container.tid(), unused_uid())).error);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
        EXPECT_EQ(filled, records().size());
    }
}

TEST_F(Logging, EveryRefusal_IsLogged) {
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().ticket("alice")), unused_uid())));
    log_to("syslog");
    auto fields = fields_for(container.tid(), unused_uid());
    fields.pid = 0;  // EINVAL
    EXPECT_EQ("EINVAL", refusal(ask_logged(fields)));
    EXPECT_EQ(1U, records().size());
    fields.pid = 0x7ffffff0;  // no such thread
    EXPECT_EQ("ESRCH", refusal(ask_logged(fields)));
    EXPECT_EQ(1U, records().size());
    log_to("syslog", {"--no-such-option"});
    EXPECT_EQ("EINVAL", refusal(ask_logged(fields)));
    EXPECT_EQ(1U, records().size());
}

}  // namespace
}  // namespace nsupcall::test
