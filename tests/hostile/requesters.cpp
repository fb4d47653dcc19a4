/// @file
/// Requesters that change while the helper looks at them: other mounts, another program, an id map that comes
/// late. Each answer is one that some moment of theirs deserves; never the host's ticket, never a hang.

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <map>

#include "support/janitor.hpp"
#include "support/temp_dir.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

constexpr auto kDeadline = std::chrono::milliseconds(6000);
constexpr auto kLimit = kDeadline + std::chrono::milliseconds(3000);
constexpr int kRounds = 120;

/// A child of the test that ends with it, and with this object.
class Child {
  public:
    explicit Child(const std::function<int()>& body) : pid_(::fork()) {
        if (pid_ != 0) return;
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::_exit(body());
    }
    ~Child() {
        (void)::kill(pid_, SIGKILL);
        (void)::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    [[nodiscard]] pid_t pid() const { return pid_; }

  private:
    pid_t pid_;
};

/// Becomes `uid` to everybody who looks, and keeps root's rights: so its environment and its groups count.
bool look_like(uid_t uid) {
    return ::setresgid(uid, 0, 0) == 0 && ::setresuid(uid, 0, 0) == 0;
}

class Requesters : public UpcallTest {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        must(realm().add_user("carol"));
    }
    void SetUp() override {
        UpcallTest::SetUp();
        use_options({"--test-type=cifs.spnego", fmt::format("--deadline={}", kDeadline.count())});
        // The host's own ticket of the same user: whoever is given it was served by the wrong namespaces.
        remember_decoy();
    }
    void TearDown() override {
        (void)::unlink(decoy_.c_str());
        forget_path(decoy_);
        UpcallTest::TearDown();
    }
    /// Asked for before any fork: it is made of the caller's process id.
    [[nodiscard]] uid_t uid() const { return uid_; }

    /// Asks `kRounds` times, and counts who the tokens were for and which errnos came.
    std::map<std::string, int> ask_often(pid_t pid) {
        std::map<std::string, int> answers;
        for (int round = 0; round < kRounds; ++round) {
            const auto answer = ask(fields_for(pid, uid()));
            EXPECT_LT(answer.elapsed, kLimit);
            ++answers[name_of(answer)];
        }
        return answers;
    }
    static std::string name_of(const KeyAnswer& answer) {
        if (answer.error != 0) return refusal(answer);
        const auto payload = must(parse_payload(answer.payload));
        return must(accept_token(payload.blob, realm().service_keytab(), realm().krb5_conf_path())).client;
    }
    static void expect_only(const std::map<std::string, int>& answers,
                            std::initializer_list<std::string> allowed) {
        for (const auto& [name, count] : answers)
            EXPECT_NE(std::ranges::find(allowed, name), allowed.end()) << name << ", " << count << " times";
    }
    [[nodiscard]] const std::string& decoy() const { return decoy_; }

  private:
    void remember_decoy() {
        decoy_ = fmt::format("/tmp/krb5cc_{}", uid());
        must(remember_path(decoy_));
        must(write_file(decoy_, must(realm().ticket("carol")).ccache, 0600, uid(), uid()));
    }
    uid_t uid_ = unused_uid(20);
    std::string decoy_;
};

TEST_F(Requesters, HoppingBetweenMountNamespaces_GetATokenOfEither) {
    const auto one = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid())));
    const auto other = must(Container::start(spec_with_ticket(must(realm().ticket("bob")), uid())));
    const Child hopper([&] {
        const int first = ::open(fmt::format("/proc/{}/ns/mnt", one.pid()).c_str(), O_RDONLY | O_CLOEXEC);
        const int second = ::open(fmt::format("/proc/{}/ns/mnt", other.pid()).c_str(), O_RDONLY | O_CLOEXEC);
        if (first < 0 || second < 0 || !look_like(uid())) return 1;
        for (;;)
            if (::setns(first, CLONE_NEWNS) != 0 || ::setns(second, CLONE_NEWNS) != 0) return 2;
    });
    const auto answers = ask_often(hopper.pid());
    expect_only(answers, {realm().principal("alice"), realm().principal("bob"), "ESRCH"});
    EXPECT_TRUE(answers.contains(realm().principal("alice")) || answers.contains(realm().principal("bob")));
    EXPECT_EQ(0, ::kill(hopper.pid(), 0)) << "it ended early";
}

class ExecutingRequesters : public Requesters, public testing::WithParamInterface<bool> {};

TEST_P(ExecutingRequesters, GetTheirOwnTokenOrNone) {
    const uid_t inside = GetParam() ? 20 : uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), inside);
    if (GetParam()) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
    spec.pid_namespace = false;
    const auto container = must(Container::start(spec));
    const Child shell([&] {
        return must(container.run(
            [] {
                (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
                const char* const script = "exec /bin/sh -c \"$0\" \"$0\"";
                ::execl("/bin/sh", "sh", "-c", script, script, static_cast<char*>(nullptr));
                return 1;
            },
            inside, inside));
    });
    // The program runs in a child of the child that entered the container.
    pid_t pid = 0;
    for (int patience = 0; patience < 2000 && pid == 0; ++patience) {
        const auto children =
            read_file(fmt::format("/proc/{0}/task/{0}/children", shell.pid())).value_or(std::string());
        pid = std::atoi(children.c_str());
        (void)::usleep(1000);
    }
    ASSERT_GT(pid, 0);
    const auto answers = ask_often(pid);
    expect_only(answers, {realm().principal("alice"), "ENOKEY", "ESRCH"});
    EXPECT_TRUE(answers.contains(realm().principal("alice")));
    EXPECT_EQ(0, ::kill(pid, SIGKILL)) << "it ended early";
}

INSTANTIATE_TEST_SUITE_P(Hostile, ExecutingRequesters, testing::Bool(), [](const auto& user_namespace) {
    return user_namespace.param ? "InAUserNamespace" : "InMountsOfItsOwn";
});

TEST_F(Requesters, WhoseIdMapComesMeanwhile_AreUnmappedOrServed) {
    must(write_file(decoy(), must(realm().ticket("alice")).ccache, 0600, uid(), uid()));
    use_options({"--test-type=cifs.spnego", "--krb5conf=" + realm().krb5_conf_path().string(),
                 fmt::format("--deadline={}", kDeadline.count())});
    const auto map = fmt::format("{0} {0} 1", uid());
    std::map<std::string, int> answers;
    for (int round = 0; round < 40; ++round) {
        const Child process([&] {
            if (::setresgid(uid(), uid(), uid()) != 0 || ::setresuid(uid(), uid(), uid()) != 0) return 1;
            if (::unshare(CLONE_NEWUSER) != 0) return 2;
            // Whoever gains capabilities becomes undumpable, and its /proc root's.
            (void)::prctl(PR_SET_DUMPABLE, 1);
            (void)::usleep(static_cast<useconds_t>(round) * 150);
            const int file = ::open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
            if (file < 0 || ::write(file, map.data(), map.size()) < 0) return 3;
            for (;;) (void)::pause();
        });
        ++answers[name_of(ask(fields_for(process.pid(), uid())))];
        for (int patience = 0; patience < 2000; ++patience) {
            const auto now = read_file(fmt::format("/proc/{}/uid_map", process.pid())).value_or("");
            if (!now.empty() && now.find("4294967295") == std::string::npos) break;
            (void)::usleep(1000);
        }
        EXPECT_EQ(realm().principal("alice"), name_of(ask(fields_for(process.pid(), uid()))));
    }
    expect_only(answers, {realm().principal("alice"), "EACCES", "ESRCH"});
}

}  // namespace
}  // namespace nsupcall::test
