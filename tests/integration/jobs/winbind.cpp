/// @file
/// Ids from a real winbindd: the host's, and a container's own.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <filesystem>
#include <thread>

#include "jobs/job_test.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfiguration =
    "[global]\n workgroup = LAB\n netbios name = WB\n security = user\n passdb backend = tdbsam\n"
    " idmap config * : backend = autorid\n idmap config * : range = 1000000-1999999\n"
    " idmap config * : rangesize = 100000\n interfaces = lo\n bind interfaces only = yes\n";

/// Debian's user of that name: there without a container having to make one.
constexpr const char* kUser = "games";
constexpr std::uint32_t kUserId = 5;

std::string id_payload(std::uint32_t id) {
    std::string payload(sizeof id, '\0');
    std::memcpy(payload.data(), &id, sizeof id);
    return payload;
}

/// A winbindd in a container, with the accounts of a server that is no member of a domain. Ends with this
/// object.
class WinbindInside {
  public:
    explicit WinbindInside(const Container& container) : container_(container) {
        EXPECT_EQ(0, must(container.run(prepare, 0, 0))) << "winbind cannot be set up";
        (void)::fflush(nullptr);
        keeper_ = ::fork();
        if (keeper_ == 0) {
            (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
            // winbindd starts daemons of its own: as process 1 of a pid namespace it takes them along.
            if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
            (void)container.run(
                [] {
                    // Once more: the change of ids has taken it away.
                    (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
                    const int log = ::open("/run/samba/log", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                    (void)::dup2(log, 1);
                    (void)::dup2(log, 2);
                    ::execlp("winbindd", "winbindd", "--foreground", "--no-process-group", nullptr);
                    return 127;
                },
                0, 0);
            ::_exit(0);
        }
        sid_ = wait_for_sid();
    }
    WinbindInside(const WinbindInside&) = delete;
    WinbindInside& operator=(const WinbindInside&) = delete;
    ~WinbindInside() {
        (void)::kill(keeper_, SIGKILL);
        (void)::waitpid(keeper_, nullptr, 0);
    }

    /// SID of kUser; empty where winbind did not start.
    [[nodiscard]] const std::string& sid() const { return sid_; }
    /// What a program inside prints, with its exit status in front.
    [[nodiscard]] std::string run(const std::string& program, std::vector<std::string> arguments) const {
        nsutil::UniqueFd file(
            program.find('/') == std::string::npos ? -1 : ::open(program.c_str(), O_PATH | O_CLOEXEC));
        int ends[2];
        EXPECT_EQ(0, ::pipe2(ends, O_CLOEXEC));
        nsutil::UniqueFd from(ends[0]), to(ends[1]);
        arguments.insert(arguments.begin(), program);
        const int code = must(container_.run(
            [&] {
                (void)::dup2(to.get(), 1);
                (void)::dup2(to.get(), 2);
                std::vector<char*> argv;
                for (auto& word : arguments) argv.push_back(word.data());
                argv.push_back(nullptr);
                if (file)
                    ::execveat(file.get(), "", argv.data(), environ, AT_EMPTY_PATH);
                else
                    ::execvp(argv[0], argv.data());
                return 127;
            },
            0, 0));
        to = {};
        std::string text = std::to_string(code) + " ";
        char buffer[4096];
        for (ssize_t got; (got = ::read(from.get(), buffer, sizeof buffer)) > 0;)
            text.append(buffer, static_cast<std::size_t>(got));
        return text;
    }

  private:
    static int prepare() {
        for (const char* folder :
             {"/var/lib/samba", "/run/samba", "/var/cache/samba", "/var/log/samba", "/etc/samba"}) {
            if (::mount("tmpfs", folder, "tmpfs", 0, "mode=0755") != 0) {
                std::perror(folder);
                return 1;
            }
        }
        fs::create_directory("/var/lib/samba/private");
        must(write_file("/etc/samba/smb.conf", kConfiguration, 0644));
        return std::system(
                   fmt::format("printf 'x\\nx\\n' | smbpasswd -s -a {} >/dev/null 2>&1", kUser).c_str()) == 0
                   ? 0
                   : 2;
    }

    [[nodiscard]] std::string wait_for_sid() const {
        for (int i = 0; i < 100; ++i) {
            const auto text = run("wbinfo", {"-n", kUser});
            if (text.starts_with("0 S-1-")) return text.substr(2, text.find(' ', 2) - 2);
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return {};
    }

    const Container& container_;
    pid_t keeper_ = -1;
    std::string sid_;
};

class WinbindTest : public JobTest {
  protected:
    static ContainerSpec spec(std::optional<UserNamespaceSpec> user) {
        ContainerSpec made;
        made.net_namespace = true;
        made.user = std::move(user);
        return made;
    }
    void serve(const std::string& description, std::vector<std::string> options) {
        options.insert(options.begin(), "--test-type=cifs.idmap");
        add_rule("user", description, NSUPCALL_IDMAP_HELPER_PATH, options);
    }
};

TEST_F(WinbindTest, OfTheHost_AnswersBothDirections) {
    // Run by hand, the helper takes the namespaces that it runs in for the host's.
    const auto container = must(Container::start(spec(std::nullopt)));
    const WinbindInside winbind(container);
    ASSERT_NE("", winbind.sid()) << winbind.run("cat", {"/run/samba/log"});
    const auto ask = [&](const char* call, const std::string& subject) {
        return winbind.run(NSUPCALL_HELPER_PATH, {"--sources=winbind", call, subject});
    };
    EXPECT_EQ("0 5\n", ask("uid.sids", winbind.sid()));
    EXPECT_EQ("0 " + winbind.sid() + "\n", ask("uid.idmap", "5"));
    // A user is no group, and strangers are nobody.
    EXPECT_TRUE(ask("gid.sids", winbind.sid()).starts_with("1 cifs.upcall"))
        << ask("gid.sids", winbind.sid());
    for (const auto* stranger : {"S-1-5-21-1-2-3-4", "S-1-5-18"}) {
        const auto text = ask("uid.sids", stranger);
        EXPECT_NE(std::string::npos, text.find("ENOKEY")) << text;
    }
    EXPECT_NE(std::string::npos, ask("uid.idmap", "4242").find("ENOKEY"));
    // Without a limit to winbind, an id that it does not know is a Unix user.
    EXPECT_EQ("0 S-1-22-1-4242\n", winbind.run(NSUPCALL_HELPER_PATH, {"uid.idmap", "4242"}));
}

TEST_F(WinbindTest, ThatIsGone_IsEhostunreachAndNobodyElseIsAsked) {
    const auto container = must(Container::start(spec(std::nullopt)));
    std::string sid;
    {
        const WinbindInside winbind(container);
        sid = winbind.sid();
        ASSERT_NE("", sid);
    }
    const auto ask = [&](const std::string& argument) {
        nsutil::UniqueFd file(::open(NSUPCALL_HELPER_PATH, O_PATH | O_CLOEXEC));
        std::string call = "uid.idmap";
        std::string subject = argument;
        std::string name = "cifs.upcall";
        return must(container.run(
            [&] {
                char* argv[] = {name.data(), call.data(), subject.data(), nullptr};
                ::execveat(file.get(), "", argv, environ, AT_EMPTY_PATH);
                return 127;
            },
            0, 0));
    };
    // Its socket stays behind where it is killed. 4242 would be S-1-22-1-4242, if winbind had said that it
    // knows none: chown would store it.
    EXPECT_EQ(1, ask("4242"));
}

TEST_F(WinbindTest, OfAContainer_IsTranslatedToTheHostsIds) {
    const auto first = unused_uid();
    const auto container = must(Container::start(spec(UserNamespaceSpec::same({{0, first, 64}}))));
    const WinbindInside winbind(container);
    ASSERT_NE("", winbind.sid()) << winbind.run("cat", {"/run/samba/log"});
    serve("os:" + winbind.sid(), {"--sources=container-winbind"});
    EXPECT_EQ(id_payload(first + kUserId),
              ask_in(container, {.type = "user", .description = "os:" + winbind.sid()}).payload);
    // The way back takes the host's id, and translates it before the container is asked.
    const auto description = fmt::format("oi:{}", first + kUserId);
    serve(description, {"--sources=container-winbind"});
    const auto answer = ask_in(container, {.type = "user", .description = description});
    ASSERT_EQ(8U + 5 * 4, answer.payload.size()) << answer.text();
    EXPECT_EQ(id_payload(1000), answer.payload.substr(24));
}

TEST_F(WinbindTest, OfAContainerThatClaimsAnUnmappedId_IsRefused) {
    // The container's winbind says 5; its user namespace ends at 2.
    const auto container = must(Container::start(spec(UserNamespaceSpec::same({{0, unused_uid(), 3}}))));
    const WinbindInside winbind(container);
    ASSERT_NE("", winbind.sid()) << winbind.run("cat", {"/run/samba/log"});
    serve("os:" + winbind.sid(), {"--sources=container-winbind,unix"});
    const auto answer = ask_in(container, {.type = "user", .description = "os:" + winbind.sid()});
    EXPECT_EQ("EACCES", answer.text());
}

TEST_F(WinbindTest, OfAContainer_IsNotAskedWithoutARule) {
    const auto container = must(Container::start(spec(UserNamespaceSpec::same({{0, unused_uid(), 64}}))));
    const WinbindInside winbind(container);
    ASSERT_NE("", winbind.sid());
    serve("os:" + winbind.sid(), {});
    EXPECT_EQ("ENOKEY", ask_in(container, {.type = "user", .description = "os:" + winbind.sid()}).text());
}

}  // namespace
}  // namespace nsupcall::test
