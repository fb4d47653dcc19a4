/// @file
/// What request-key would run, by our reading of its configuration and by itself.

#include "admin/request_key_rules.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <map>
#include <optional>
#include <random>

#include "support/must.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

/// A configuration in a folder: what request-key makes of it, and what we do.
class RequestKey : public testing::Test {
  protected:
    void SetUp() override {
        if (::access("/sbin/request-key", X_OK) != 0) NSUPCALL_SKIP("keyutils is not installed");
        folder_.emplace(must(TempDir::create()));
        fs::create_directories(folder_->path() / "etc/request-key.d");
    }
    void file(const std::string& name, const std::string& content) const {
        must(write_file(folder_->path() / "etc" / name, content, 0644));
    }

    /// "/bin/a %k": the command that the real program chooses; "none"; "stops".
    [[nodiscard]] std::string real(const std::string& description, const std::string& callout) const {
        const auto finished =
            must(run_program({.argv = {"sh", "-c",
                                       "cd \"$0\" && exec /sbin/request-key -l -n -d -v -v -D "
                                       "\"user;0;0;1f0000;$1\" create 1 0 0 0 0 0 \"$2\"",
                                       folder_->path() / "etc", description, callout}}));
        if (finished.output.find("Syntax error") != std::string::npos ||
            finished.output.find("Line too long") != std::string::npos)
            return "stops";
        if (finished.output.find("No matching action") != std::string::npos) return "none";
        const std::string begin = "execute_program('" + callout + "','";
        const auto at = finished.output.find(begin);
        if (at == std::string::npos) return "? " + finished.output;
        const auto rest = finished.output.substr(at + begin.size());
        return rest.substr(0, rest.find("')\n"));
    }

    [[nodiscard]] admin::RequestKeyRules read() const {
        const auto root = must(admin::NodeRoot::open(folder_->path()));
        return must(admin::RequestKeyRules::read(root));
    }

    /// The same, by our own reading.
    [[nodiscard]] std::string ours(const std::string& description, const std::string& callout) const {
        const auto rules = read();
        const auto answer = rules.ask({"create", "user", description, callout});
        if (answer.stopped_at != nullptr) return "stops";
        if (answer.chosen == nullptr) return "none";
        // The command is the line without its first four words.
        const auto& text = answer.chosen->text;
        std::size_t at = 0;
        for (int word = 0; word < 4; ++word)
            at = text.find_first_not_of(" \t\r\v\f", text.find_first_of(" \t\r\v\f", at));
        return text.substr(at);
    }

    void expect_same(const std::string& description = "foo:bar", const std::string& callout = "") const {
        const auto expected = real(description, callout);
        EXPECT_EQ(expected, ours(description, callout));
    }

    std::optional<TempDir> folder_;
};

TEST_F(RequestKey, OddLines_AreReadAsItDoes) {
    const std::string good = "create user foo:* * /bin/good %k\n";
    const std::vector<std::string> cases = {std::string(),
                                            good,
                                            "create user foo:*\n" + good,
                                            "create user foo:* *\n" + good,
                                            "create user foo:* *   \n" + good,
                                            "bogus\n" + good,
                                            "create keyring x\n" + good,
                                            "create keyring\n" + good,
                                            "   create user foo:bar * /bin/indented\n" + good,
                                            "\t # comment\n \t \n\n" + good,
                                            std::string("create user foo:* * /bin/no-end"),
                                            "create user f*:* * /bin/two\n" + good,
                                            "create user foo:b*:bar * /bin/overlap\n" + good,
                                            "create user foo:bar* * /bin/empty\n" + good,
                                            "create user * * /bin/any  \n" + good,
                                            "create user foo:bar * /bin/exact\n" + good,
                                            "create user foo:b* * /bin/1\ncreate user foo:*r * /bin/2\n",
                                            "create u* foo:bar * /bin/type\n" + good,
                                            "* user foo:bar * /bin/op\n" + good,
                                            "create user foo:* * |/bin/pipe x\n",
                                            std::string("create user foo:* * /bin/nul\0x\n", 30),
                                            "\rcreate user foo:bar * /bin/cr\r\n" + good,
                                            "create\tuser\vfoo:bar\f*\t/bin/tabs\n" + good,
                                            fmt::format("create user foo:bar * /bin/{:4094}\n", "x"),
                                            fmt::format("# {:4091}\n", "x") + good,
                                            fmt::format("# {:4092}\n", "x") + good,
                                            fmt::format("# {:4093}\n", "x") + good,
                                            fmt::format("# {:9000}\n", "x") + good};
    for (const auto& lines : cases) {
        SCOPED_TRACE(lines.substr(0, 80));
        file("request-key.d/a.conf", lines);
        expect_same();
    }
}

TEST_F(RequestKey, OddFiles_AreReadAsItDoes) {
    file("plain", "create user foo:bar * /bin/linked\n");
    fs::create_symlink("../plain", folder_->path() / "etc/request-key.d/link.conf");
    fs::create_directory(folder_->path() / "etc/request-key.d/folder.conf");
    file("request-key.d/.hidden.conf", "create user foo:bar * /bin/hidden\n");
    file("request-key.d/.conf", "create user foo:bar * /bin/nameless\n");
    file("request-key.d/a.conf.bak", "create user foo:bar * /bin/backup\n");
    expect_same();
    file("request-key.conf", "create user foo:* * /bin/last\n");
    expect_same();
    file("request-key.d/a.conf", "create user foo:* * /bin/first\n");
    expect_same();
    EXPECT_THAT(read().passed_over(), testing::UnorderedElementsAre("/etc/request-key.d/link.conf",
                                                                    "/etc/request-key.d/folder.conf"));
    fs::remove_all(folder_->path() / "etc/request-key.d");
    expect_same();
}

TEST_F(RequestKey, AnyConfiguration_IsReadAsItDoes) {
    std::mt19937 random(20260101);
    const auto any = [&](std::initializer_list<const char*> words) {
        return std::string(words.begin()[random() % words.size()]);
    };
    std::map<std::string, int> outcomes;
    for (int round = 0; round < 250; ++round) {
        for (const char* name :
             {"request-key.d/b.conf", "request-key.d/a.conf", "request-key.d/c.conf", "request-key.conf"}) {
            std::string lines;
            for (unsigned line = 0; line < random() % 4; ++line) {
                lines += any({"create", "create", "create", "*", "cr*te", "negate"}) +
                         any({" ", "\t", "  "}) + any({"user", "user", "*", "us*", "keyring"}) + " " +
                         any({"*", "foo:*", "f*", "*bar", "foo:b*r", "f*z", "o*r", "foo:bar", "foo:bar*",
                              "other*"}) +
                         " " + any({"*", "*", "*", "", "x*", "callout"});
                lines += random() % 16 != 0 ? fmt::format(" /bin/{} %k\n", line) : "\n";
            }
            file(name, lines);
        }
        const auto callout = any({"", "x", "callout"});
        const auto description = any({"foo:bar", "foo:baz", "foo:baf", "other"});
        const auto expected = real(description, callout);
        ASSERT_EQ(expected, ours(description, callout)) << "round " << round;
        ++outcomes[expected.starts_with("/bin/") ? "chosen" : expected];
    }
    EXPECT_GT(outcomes["chosen"], 50);
    EXPECT_GT(outcomes["none"], 5);
    EXPECT_GT(outcomes["stops"], 5);
}

}  // namespace
}  // namespace nsupcall::test
