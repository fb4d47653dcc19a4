/// @file
/// nsupcall explain without privileges, without a requester, with hostile names, with a KDC that says
/// nothing.

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "admin/explain_test.hpp"
#include "support/dead_kdc.hpp"

namespace nsupcall::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

TEST_F(ExplainCommand, Unprivileged_SaysWhatItCouldNotSee) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto program = folder_->path() / "nsupcall";
    std::filesystem::copy_file(NSUPCALL_COMMAND_PATH, program);
    std::filesystem::permissions(program, std::filesystem::perms(0755));
    std::filesystem::permissions(folder_->path(), std::filesystem::perms(0755));
    const auto run = [&](pid_t pid) {
        return must(run_program(
            {.argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", program.string(),
                      "explain", "--pid", std::to_string(pid), "--host", host()}}));
    };
    const auto told = run(container.tid());
    EXPECT_EQ(2, told.exit_code) << told.output;
    EXPECT_THAT(told.output, AllOf(HasSubstr("not seen"), HasSubstr("cannot be told: "), HasSubstr("as root"),
                                   HasSubstr(fmt::format("requester[{}]", container.tid()))));
    EXPECT_THAT(told.output, Not(HasSubstr("would ")));
}

TEST_F(ExplainCommand, ProcessThatIsGone_AndNonsense) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(child, ::waitpid(child, nullptr, 0));
    EXPECT_EQ(2, explain({"--pid", std::to_string(child)}).exit_code);
    const auto gone = explain({"--pid", std::to_string(child), "--uid", "0"});
    EXPECT_EQ(1, gone.exit_code) << gone.output;
    EXPECT_THAT(gone.output, HasSubstr("would fail with ESRCH"));
    const auto unnamed = nsupcall_command({"explain", "--pid", std::to_string(child)});
    EXPECT_EQ(2, unnamed.exit_code);
    EXPECT_THAT(unnamed.output, HasSubstr("no such process"));
    EXPECT_EQ(64, explain(std::vector<std::string>()).exit_code);
    EXPECT_EQ(64, explain({"--pid", "1", "--container", "x"}).exit_code);
    const auto none = explain({"--container", "no-such-container"});
    EXPECT_EQ(2, none.exit_code);
    EXPECT_THAT(none.output, HasSubstr("no running container is called no-such-container"));
    const auto mount = explain({"--mount", folder_->path().string()});
    EXPECT_EQ(2, mount.exit_code);
    EXPECT_THAT(mount.output, HasSubstr("no SMB mount"));
    EXPECT_THAT(explain({"--mount", "not/there/../here"}).output, HasSubstr("/not/here is no SMB mount"));
}

TEST_F(ExplainCommand, User_ChoosesThePrincipal) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.files.push_back(ccache_file(must(realm().ticket("bob")), fmt::format("/tmp/krb5cc_{}_x", uid), uid));
    const auto container = must(Container::start(spec));
    for (const char* user : {"alice", "bob"})
        EXPECT_THAT(explain(container, {"--user", user}).output,
                    HasSubstr("would succeed as " + realm().principal(user)));
}

TEST_F(ExplainCommand, EnvironmentOfAnotherUser_DoesNotCount_AndItSaysWhy) {
    const auto uid = unused_uid(), other = unused_uid(1);
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.environment = {"KRB5CCNAME=FILE:/tmp/mine"};
    spec.files.push_back(ccache_file(must(realm().ticket("alice")), "/tmp/mine", other));
    const auto container = must(Container::start(spec));
    EXPECT_THAT(explain(container).output, HasSubstr("counts: FILE:/tmp/mine"));
    const auto told = explain(container, {"--uid", std::to_string(other)});
    EXPECT_EQ(1, told.exit_code);
    EXPECT_THAT(told.output, AllOf(HasSubstr(fmt::format("does not count: the requester is uid {}", uid)),
                                   Not(HasSubstr("/tmp/mine"))));
}

TEST_F(ExplainCommand, Key_TellsTheRequestByItself) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.host = "shown-by-key.lab.test";
    const auto serial = run_checked({.argv = {"keyctl", "add", "user", fields.description(), "x", "@u"}});
    const auto key = must(serial).substr(0, must(serial).find('\n'));
    const auto told = nsupcall_command({"explain", "--key", key});
    (void)run_program({.argv = {"keyctl", "unlink", key, "@u"}});
    EXPECT_EQ(0, told.exit_code) << told.output;
    EXPECT_THAT(told.output,
                AllOf(HasSubstr("shown-by-key.lab.test"), HasSubstr("key " + key),
                      HasSubstr("cifs/shown-by-key.lab.test"), HasSubstr("would succeed as alice")));
    EXPECT_EQ(2, nsupcall_command({"explain", "--key", "1"}).exit_code);
}

TEST_F(ExplainCommand, KeyOfAUser_IsForged) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto made = must(run_checked(
        {.argv = {
             "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "keyctl", "session", "-", "sh",
             "-c",
             "key=$(keyctl add user \"$0\" x @s) && keyctl setperm $key 0x3f010101 && keyctl link $key @u && "
             "echo key $key",
             fields_for(container.tid(), uid).description()}}));
    std::smatch serial;
    ASSERT_TRUE(std::regex_search(made, serial, std::regex("key ([0-9]+)"))) << made;
    const auto told = nsupcall_json({"explain", "--json", "--key", serial[1]}, "explain.schema.json", 1);
    (void)run_program({.argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "keyctl",
                                "unlink", serial[1], "@u"}});
    EXPECT_EQ("EPERM", told["outcome"]["errno"]);
    EXPECT_THAT(told["outcome"]["message"].get<std::string>(), HasSubstr("forged"));
    EXPECT_TRUE(told["candidates"].empty());
    EXPECT_EQ(container.tid(), told["requester"]["tid"]);
}

TEST_F(ExplainCommand, HostileNames_AreEscaped) {
    const auto uid = unused_uid();
    const std::string evil = "\033]0;x\007";
    auto ticket = must(realm().ticket("alice"));
    for (std::size_t at = 0; (at = ticket.ccache.find("alice", at)) != std::string::npos;)
        ticket.ccache.replace(at, 5, "a\033[1m");
    auto spec = spec_with_ticket(ticket, uid);
    spec.environment = {"KRB5CCNAME=FILE:/tmp/" + evil};
    spec.files.push_back(ccache_file(ticket, "/tmp/" + evil, uid));
    const auto container = must(Container::start(spec));
    const auto told = explain(container);
    EXPECT_EQ(0, told.exit_code) << told.output;
    EXPECT_THAT(told.output, AllOf(HasSubstr("\\x1b]0;x\\x07"), HasSubstr("a\\x1b[1m@")));
    const auto document = explain_json(container, 0);
    EXPECT_EQ("FILE:/tmp/" + evil, document["krb5ccname"]["value"]);
    EXPECT_EQ("a\033[1m@" + realm().name(), document["client"]);
    // A name of its own choosing, of a process that asks for another's tickets.
    int ready[2] = {};
    ASSERT_EQ(0, ::pipe2(ready, O_CLOEXEC));
    const pid_t child = ::fork();
    if (child == 0) {
        (void)::prctl(PR_SET_NAME, "\033[31mroot\xff");
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)!::write(ready[1], "", 1);
        ::pause();
        ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(1, ::read(ready[0], &byte, 1));
    const auto other = explain({"--pid", std::to_string(child), "--user", evil});
    ASSERT_EQ(0, ::kill(child, SIGKILL));
    ASSERT_EQ(child, ::waitpid(child, nullptr, 0));
    ::close(ready[0]);
    ::close(ready[1]);
    EXPECT_THAT(other.output, HasSubstr("[31mroot"));
    for (const auto* output : {&told.output, &other.output})
        for (const char raw : {'\033', '\007', '\xff'})
            EXPECT_EQ(std::string::npos, output->find(raw)) << *output;
}

TEST_F(ExplainCommand, KdcThatSaysNothing_CostsNoMoreThanTheDeadline) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    const auto dead = must(DeadKdc::open());
    spec.files.front().content = realm().krb5_conf_for_port(dead.port());
    const auto container = must(Container::start(spec));
    must(write_file(config_, "[defaults]\n    deadline = 2\n"));
    const auto begin = std::chrono::steady_clock::now();
    const auto told = explain(container, {"--ticket"});
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(4));
    EXPECT_EQ(1, told.exit_code) << told.output;
    EXPECT_THAT(told.output, AllOf(HasSubstr("would fail with ETIMEDOUT"), HasSubstr("krb5cc_")));
}

}  // namespace
}  // namespace nsupcall::test
