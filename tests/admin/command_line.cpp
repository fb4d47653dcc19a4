/// @file
/// The command line as a whole: pages of help, manual pages, completions of real shells.

#include <gmock/gmock.h>

#include <sstream>

#include "admin/completion_model.hpp"
#include "admin/subcommands.hpp"
#include "support/nsupcall_command.hpp"
#include "support/temp_dir.hpp"
#include "trace/history.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

admin::CompletedCommand command_line() {
    CLI::App app{"", "nsupcall"};
    int status = 0;
    for (const auto add : admin::kSubcommands) add(app, status);
    return admin::read_command_line(app);
}

std::vector<std::string> words_of(const std::string& text) {
    std::istringstream stream(text);
    std::vector<std::string> words;
    for (std::string word; stream >> word;) words.push_back(word);
    return words;
}

TEST(CommandLine, EveryHelp_FitsAScreen) {
    constexpr std::size_t kLines = 24, kColumns = 80;
    admin::each_command(command_line(), [&](const admin::CompletedCommand& command) {
        auto arguments = words_of(command.path);
        arguments.emplace_back("--help");
        const auto finished = nsupcall_command(arguments);
        EXPECT_EQ(0, finished.exit_code) << command.path;
        EXPECT_LE(static_cast<std::size_t>(std::ranges::count(finished.output, '\n')), kLines)
            << finished.output;
        std::istringstream lines(finished.output);
        for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), kColumns) << line;
        for (const auto& option : command.options)
            for (const auto& name : option.names)
                EXPECT_THAT(finished.output, HasSubstr(name)) << command.path;
        for (const auto& option : command.options) EXPECT_NE("", option.description) << option.names.front();
    });
}

// What could not be written has not been said, whatever it was.
TEST(CommandLine, FullOutput_IsStatus2) {
    const auto folder = must(TempDir::create());
    HistoryRecord record;
    record.call = "cifs.spnego";
    must(History(folder.path() / "history").append(record));
    for (const char* arguments : {"map", "map --json", "map --dot", "history --history-dir=$0/history",
                                  "history --json --history-dir=$0/history", "doctor --no-kdc --no-self-test",
                                  "explain --pid $$ --host fs.lab.test", "inspect $$", "completion bash"})
        EXPECT_EQ(
            2, must(run_program({.argv = {"sh", "-c",
                                          std::string(NSUPCALL_COMMAND_PATH " ") + arguments + " >/dev/full",
                                          folder.path()}}))
                   .exit_code)
            << arguments;
}

TEST(CommandLine, WrongUsage_IsToldApart) {
    EXPECT_EQ(64, nsupcall_command({}).exit_code);
    const auto nonsense = nsupcall_command({"non\033sense"});
    EXPECT_EQ(64, nonsense.exit_code);
    EXPECT_THAT(nonsense.output, HasSubstr("there is no subcommand non\\x1bsense"));
    EXPECT_EQ(64, nsupcall_command({"help"}).exit_code);
    EXPECT_EQ(64, nsupcall_command({"doctor", "--nonsense"}).exit_code);
    EXPECT_EQ(64, nsupcall_command({"completion", "tcsh"}).exit_code);
    EXPECT_EQ(0, nsupcall_command({"--version"}).exit_code);
}

TEST(Manuals, AreWellFormed) {
    std::size_t pages = 0;
    for (const auto& entry : fs::directory_iterator(NSUPCALL_MAN_DIR)) {
        const auto page = entry.path().string();
        ++pages;
        const auto groff =
            must(run_program({.argv = {"sh", "-c", "exec man --warnings -l \"$0\" 2>&1 >/dev/null", page},
                              .environment = {"MANPAGER=cat", "MANWIDTH=100", "LC_ALL=C.UTF-8"}}));
        EXPECT_EQ("", groff.output) << page;
        EXPECT_EQ(0, groff.exit_code) << page;
        const auto lint = must(run_program({.argv = {"mandoc", "-T", "lint", "-W", "warning", page}}));
        std::istringstream lines(lint.output);
        for (std::string line; std::getline(lines, line);)
            // A date would change with every build; which section comes when is ours to say.
            EXPECT_THAT(line, AnyOf(HasSubstr("missing date"), HasSubstr(": Sh ")));
    }
    EXPECT_GE(pages, 11U);
}

TEST(Manuals, EverySubcommandHasAPage_WithAllItsOptions) {
    for (const auto& command : command_line().subcommands) {
        const bool together = command.name == "uninstall" || command.name == "status";
        const auto page =
            std::string(NSUPCALL_MAN_DIR) + "/nsupcall-" + (together ? "install" : command.name) + ".8";
        auto text = read_file(page).value_or("");
        ASSERT_NE("", text) << page << " is missing";
        std::erase(text, '\\');
        admin::each_command(command, [&](const admin::CompletedCommand& one) {
            for (const auto& option : one.options)
                for (const auto& name : option.names) {
                    if (name == "-h" || name == "--help") continue;
                    EXPECT_THAT(text, HasSubstr(name)) << page << " does not tell of it";
                }
        });
        EXPECT_THAT(read_file(std::string(NSUPCALL_MAN_DIR) + "/nsupcall.8").value_or(""),
                    HasSubstr(command.name));
    }
}

/// The script for a shell, as a file.
class Completion : public testing::Test {
  protected:
    void SetUp() override { folder_.emplace(must(TempDir::create())); }
    [[nodiscard]] std::string script(const std::string& shell) const {
        const auto finished = nsupcall_command({"completion", shell});
        EXPECT_EQ(0, finished.exit_code);
        const auto path = folder_->path() / shell;
        must(write_file(path, finished.output, 0644));
        return path;
    }
    /// What a shell prints for a script of its own.
    [[nodiscard]] std::string run(const std::string& shell, const std::vector<std::string>& options,
                                  const std::string& text) const {
        std::vector<std::string> argv = {shell};
        argv.insert(argv.end(), options.begin(), options.end());
        argv.insert(argv.end(), {"-c", text});
        const auto finished = must(
            run_program({.argv = argv, .environment = {"HOME=" + folder_->path().string(), "LC_ALL=C"}}));
        EXPECT_EQ(0, finished.exit_code) << finished.output;
        return finished.output;
    }
    std::optional<TempDir> folder_;
};

TEST_F(Completion, Bash) {
    const auto path = script("bash");
    const auto complete = [&](const std::string& words, const std::string& current) {
        return words_of(run(
            "bash", {"--norc"},
            "set -eu; . " + path + "; COMP_WORDS=(nsupcall " + words + " '" + current +
                "'); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _nsupcall; printf '%s\\n' \"${COMPREPLY[@]}\"; "
                "complete -p nsupcall"));
    };
    EXPECT_THAT(complete("", "doc"), ElementsAre("doctor", "complete", "-F", "_nsupcall", "nsupcall"));
    EXPECT_THAT(complete("", ""), AllOf(Contains("install"), Contains("history"), Contains("--version")));
    EXPECT_THAT(complete("install", "--d"), Contains("--dry-run"));
    EXPECT_THAT(complete("install", "--d"), Not(Contains("--root")));
    EXPECT_THAT(complete("node", ""), AllOf(Contains("keytabs"), Not(Contains("doctor"))));
    EXPECT_THAT(complete("node install --root /x", "--b"), Contains("--bundle"));
    EXPECT_THAT(complete("install --root", path.substr(0, path.size() - 1)), Contains(path));
    // One word that only looks like a subcommand.
    EXPECT_THAT(complete("install --root node", ""), Not(Contains("keytabs")));
}

TEST_F(Completion, Zsh) {
    const auto path = script("zsh");
    // _describe is replaced by what shows its arrays: the rest is what zsh does with them.
    const auto complete = [&](const std::string& words) {
        return run("zsh", {"-f"},
                   "compdef() {}; _files() { print FILES }; _describe() { shift $(( $# - 1 )); print -l -- "
                   "${(P)1} }; . " +
                       path + "; words=(nsupcall " + words + " ''); CURRENT=$#words; PREFIX=-; _nsupcall");
    };
    EXPECT_THAT(complete(""), AllOf(HasSubstr("doctor:Is this host ready?"), HasSubstr("--version:")));
    EXPECT_THAT(complete("node"), AllOf(HasSubstr("keytabs:"), Not(HasSubstr("doctor:"))));
    EXPECT_THAT(complete("install"), AllOf(HasSubstr("--dry-run:Say"), Not(HasSubstr("keytabs"))));
    EXPECT_EQ("FILES\n", complete("install --root"));
    // And as zsh loads it from its folder.
    fs::rename(path, folder_->path() / "_nsupcall");
    EXPECT_EQ("_nsupcall\n",
              run("zsh", {"-f"},
                  "fpath=(" + folder_->path().string() +
                      " $fpath); autoload -Uz compinit; compinit -u -D; print $_comps[nsupcall]"));
}

TEST_F(Completion, Fish) {
    const auto path = script("fish");
    const auto complete = [&](const std::string& line) {
        return run("fish", {"--no-config"}, "source " + path + "; complete -C '" + line + "'");
    };
    EXPECT_THAT(complete("nsupcall doc"),
                AllOf(HasSubstr("doctor\tIs this host ready?"), Not(HasSubstr("node"))));
    EXPECT_THAT(complete("nsupcall node "), AllOf(HasSubstr("keytabs\t"), Not(HasSubstr("doctor"))));
    EXPECT_THAT(complete("nsupcall install --d"), HasSubstr("--dry-run\tSay"));
    EXPECT_THAT(complete("nsupcall history show --j"), Not(HasSubstr("--follow")));
    EXPECT_THAT(complete("nsupcall history --f"), HasSubstr("--follow\t"));
}

}  // namespace
}  // namespace nsupcall::test
