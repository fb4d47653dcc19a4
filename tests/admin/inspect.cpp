/// @file
/// nsupcall inspect of processes in containers of bare namespaces.

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "nsutil/task.hpp"
#include "support/container.hpp"
#include "support/nsupcall_command.hpp"

namespace nsupcall::test {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kBase = 3'392'012'288;

Container rootless() {
    ContainerSpec spec;
    spec.pid_namespace = true;
    spec.user = UserNamespaceSpec::same({{0, 5990, 1}, {1, kBase, 65535}});
    spec.uid = spec.gid = 1000;
    return must(Container::start(spec));
}

nlohmann::json inspected(const std::vector<pid_t>& pids, int exit_code = 0) {
    std::vector<std::string> arguments = {"inspect", "--json"};
    for (const auto pid : pids) arguments.push_back(std::to_string(pid));
    return nsupcall_json(std::move(arguments), "inspect.schema.json", exit_code)["processes"];
}

TEST(Inspect, Container_ShowsBothSides) {
    const auto container = rootless();
    const auto finished = nsupcall_command({"inspect", std::to_string(container.pid())});
    EXPECT_EQ(0, finished.exit_code) << finished.output;
    EXPECT_THAT(
        finished.output,
        AllOf(HasSubstr("inside 0         ==>  here 5990"),
              HasSubstr("inside 1..65535  ==>  here 3392012288..3392077822  65535 ids"),
              ContainsRegex("user +[0-9]+ +not the host's"), ContainsRegex("net +[0-9]+ +the host's"),
              HasSubstr(fmt::format("uid 1000 ({} here)", kBase + 999)), HasSubstr("lacks cap_sys_admin"),
              HasSubstr("user: keyring _uid.1000"), ContainsRegex("ipc +[0-9]+ +the host's")));
}

TEST(Inspect, Json_TellsTheSame) {
    const auto container = rootless();
    const auto processes = inspected({container.pid(), ::getpid()});
    ASSERT_EQ(2U, processes.size());
    const auto& one = processes[0];
    EXPECT_EQ("container", one["requester"]["kind"]);
    EXPECT_EQ(kBase + 999, one["uids"]["real"]);
    EXPECT_EQ(2U, one["requester"]["uid_map"].size());
    EXPECT_EQ(65535, one["gid_map"][1]["count"]);
    EXPECT_EQ("cap_sys_admin", one["capabilities"][1]["missing"][0]);
    EXPECT_TRUE(one["capabilities"][0]["missing"].empty()) << one.dump(2);
    EXPECT_EQ("host", processes[1]["requester"]["kind"]);
    EXPECT_TRUE(processes[1]["capabilities"][1]["missing"].empty());
    for (const auto& space : processes[1]["requester"]["namespaces"]) EXPECT_TRUE(space["host"].get<bool>());
}

TEST(Inspect, SmbMounts_AreTold) {
    // A mount table in the place of the process' own. (Real mounts: tests/vm.)
    const auto container = rootless();
    const auto folder = must(TempDir::create());
    must(write_file(folder.path() / "table",
                    "1 0 8:1 / / rw - ext4 /dev/root rw\n"
                    "2 1 0:99 / /da\\033ta rw - cifs //fs.lab.test/data rw,sec=krb5,cruid=5990,username=al\n"
                    "3 1 0:98 / /other rw - tmpfs none rw\n"));
    const auto inspect = [&](const std::string& words) {
        return must(run_program(
            {.argv = {"unshare", "--mount", "sh", "-c",
                      "mount --bind \"$0\" /proc/$1/mountinfo && exec \"$2\" inspect " + words + " $1",
                      folder.path() / "table", std::to_string(container.pid()), NSUPCALL_COMMAND_PATH}}));
    };
    const auto shown = inspect("");
    EXPECT_EQ(0, shown.exit_code) << shown.output;
    EXPECT_THAT(shown.output, AllOf(HasSubstr("/da\\x1bta"), HasSubstr("//fs.lab.test/data"),
                                    Not(HasSubstr("/other")), Not(HasSubstr("\033"))));
    const auto document = nlohmann::json::parse(inspect("--json").output);
    const auto& mounts = document["processes"][0]["smb_mounts"];
    ASSERT_EQ(1U, mounts.size()) << document.dump(2);
    EXPECT_THAT(mounts[0].dump(), HasSubstr("fs.lab.test"));
}

TEST(Inspect, KeysOfTheUser_AreSeenAsThatUserSeesThem) {
    const auto container = rootless();
    // Made inside, as that user: it lies in the user keyring of its user namespace.
    const std::string evil = "mine:\033[31m";
    ASSERT_EQ(0, must(container.run(
                     [&] {
                         return ::execlp("keyctl", "keyctl", "add", "user", evil.c_str(), "secret", "@u",
                                         nullptr);
                     },
                     1000, 1000)));
    const auto finished = nsupcall_command({"inspect", std::to_string(container.pid())});
    EXPECT_EQ(0, finished.exit_code) << finished.output;
    EXPECT_THAT(finished.output, AllOf(HasSubstr("user: keyring _uid.1000"), HasSubstr("user mine:\\x1b[31m"),
                                       ContainsRegex("key quota +[1-9][0-9]* of"), Not(HasSubstr("\033")),
                                       Not(HasSubstr("secret"))));
    const auto keyring = inspected({container.pid()})[0]["keyrings"][0];
    EXPECT_THAT(keyring["keys"][0].get<std::string>(), AllOf(HasSubstr("user;1000;"), HasSubstr(evil)));
}

TEST(Inspect, WhoIsGone_AndWhoMayNotLook) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ASSERT_EQ(child, ::waitpid(child, nullptr, 0));
    const auto gone = inspected({child, ::getpid()}, 2);
    EXPECT_THAT(gone[0]["problem"].get<std::string>(), HasSubstr("requester"));
    EXPECT_TRUE(gone[1]["problem"].is_null());
    EXPECT_EQ(64, nsupcall_command({"inspect"}).exit_code);

    const auto folder = must(TempDir::create());
    const auto program = folder.path() / "nsupcall";
    std::filesystem::copy_file(NSUPCALL_COMMAND_PATH, program);
    std::filesystem::permissions(program, std::filesystem::perms(0755));
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    const auto container = rootless();
    const auto stranger =
        must(run_program({.argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                   program.string(), "inspect", std::to_string(container.pid())}}));
    EXPECT_EQ(2, stranger.exit_code) << stranger.output;
    EXPECT_THAT(stranger.output, AllOf(HasSubstr("not seen"), HasSubstr("inside 1..65535"),
                                       HasSubstr(fmt::format("{}", kBase + 999))));
}

TEST(Inspect, KernelThreads_HaveNothingOfTheirOwn) {
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
        const auto task = nsutil::Task::open(std::atoi(entry.path().filename().c_str()));
        const auto stat = task ? task->stat() : nsutil::fail(ESRCH, "");
        if (!stat || !stat->is_kernel_thread()) continue;
        const auto finished = nsupcall_command({"inspect", std::to_string(task->tid())});
        EXPECT_EQ(0, finished.exit_code) << finished.output;
        EXPECT_THAT(finished.output, HasSubstr("a kernel thread"));
        return;
    }
    FAIL() << "no kernel thread is to be seen in /proc";
}

}  // namespace
}  // namespace nsupcall::test
