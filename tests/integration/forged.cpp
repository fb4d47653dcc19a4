/// @file
/// Requests that are not the kernel's, made through the running kernel: refused with EPERM, with a warning
/// that names whoever really asks, whatever the description says.

#include <fcntl.h>
#include <fmt/format.h>
#include <keyutils.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

#include "support/control_group.hpp"
#include "support/log_sink.hpp"
#include "support/pid_namespace.hpp"
#include "support/skip.hpp"
#include "support/test_engine.hpp"
#include "support/upcall_test.hpp"
#include "trace/history.hpp"

namespace nsupcall::test {
namespace {

enum class Where : std::uint8_t { host, container, user_namespace };

/// Whether the rule passes request-key's %T on, as ours does, or %k alone, as that of cifs-utils.
enum class Rule : std::uint8_t { with_proof, with_key_only };

struct Forgery {
    const char* name;
    Rule rule;
    Where where;
    /// Ids of the asker: `own` is a user of its place, which has credentials there.
    enum : std::uint8_t { root, own, root_of_another_group } who;
    /// {H} the server; {SELF} the asking task, {LEADER} the container's first process, {VICTIM} another
    /// container's; {OWN} and {HIS} the users that have credentials in the two, as the host numbers them.
    const char* description;
    /// What the asker does first. @return whether it could
    bool (*before)() = [] { return true; };
    friend void PrintTo(const Forgery& forgery, std::ostream* out) { *out << forgery.name; }
};

constexpr const char* kPlain =
    "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};pid={SELF};upcall_target=app";
constexpr const char* kForVictim =
    "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={HIS};creduid={HIS};pid={VICTIM};upcall_target=app";

bool make_thread_keyring() {
    return ::keyctl_get_keyring_ID(KEY_SPEC_THREAD_KEYRING, 1) > 0;
}

/// The kernel's own name is not to be had; one that looks like it is.
bool imitate_the_keyring() {
    if (::keyctl_join_session_keyring(".cifs_spnego") >= 0 ||
        ::add_key("keyring", ".cifs_spnego", nullptr, 0, KEY_SPEC_PROCESS_KEYRING) >= 0)
        return false;
    return make_thread_keyring() && ::keyctl_join_session_keyring("cifs_spnego") > 0 &&
           ::add_key("keyring", "cifs_spnego", nullptr, 0, KEY_SPEC_THREAD_KEYRING) > 0;
}

/// Memory that the asker shares with the test.
struct Shared {
    std::atomic<pid_t> tid;
    std::atomic<int> error;
};

class ForgedTest : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        if (unified_hierarchy().empty()) NSUPCALL_SKIP("no unified control group hierarchy is mounted");
        void* memory =
            ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(MAP_FAILED, memory);
        shared_ = new (memory) Shared();
        sink_.emplace(realm().folder() / "log");
        folder_.emplace(must(TempDir::create()));
        history_.emplace((folder_->path() / "run" / "history").string());
        victim_.emplace(must(Container::start(spec_with_ticket(must(realm().ticket("bob")), victim_uid_))));
    }
    void TearDown() override {
        asker_.reset();
        victim_.reset();
        if (shared_ != nullptr) (void)::munmap(shared_, sizeof(Shared));
        rule_.reset();
        UpcallTest::TearDown();
    }

    /// Ids of this process's: the asking one must not reckon them by its own number.
    const std::uint32_t victim_uid_ = unused_uid(40);
    /// The user of the asker's place who has a ticket there, as the host numbers it.
    const std::uint32_t own_uid_ = unused_uid(5);

    /// Requests for 127.0.0.9 are checked as those of the real type are. Without an engine the log goes to
    /// the test; with one, which logs for itself, the history has the same.
    void install(Rule which) {
        std::vector<std::string> arguments = {"--test-type=cifs.spnego", "--test-origin"};
        if (which == Rule::with_proof) arguments.insert(arguments.end(), {"--thread-keyring", "%T"});
        std::filesystem::path program = NSUPCALL_HELPER_PATH;
        if (tests_run_with_engine()) {
            arguments.push_back("--history-dir=" + history_->folder());
        } else {
            program = NSUPCALL_PRIVATE_LOG_PATH;
            arguments.insert(arguments.begin(), {sink_->path().string(), "syslog", NSUPCALL_HELPER_PATH});
        }
        arguments.emplace_back("%k");
        rule_.reset();
        rule_ = must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.9;*",
                                           .program = program,
                                           .arguments = std::move(arguments)}));
    }

    void start_asker(Where where) {
        auto spec = spec_with_ticket(must(realm().ticket("alice")), own_uid_);
        if (where == Where::host) {
            spec.mount_namespace = spec.pid_namespace = false;
            spec.files.clear();
        }
        if (where == Where::user_namespace) {
            spec = spec_with_ticket(must(realm().ticket("alice")), 5);
            spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
        }
        asker_.emplace(must(Container::start(spec)));
    }

    [[nodiscard]] std::string filled_in(std::string text, pid_t self) const {
        const std::pair<std::string, std::string> words[] = {
            {"{H}", host()},
            {"{OWN}", fmt::format("{:#x}", own_uid_)},
            {"{HIS}", fmt::format("{:#x}", victim_uid_)},
            {"{SELF}", fmt::format("{:#x}", self)},
            {"{LEADER}", fmt::format("{:#x}", asker_->tid())},
            {"{VICTIM}", fmt::format("{:#x}", victim_->tid())}};
        for (const auto& [from, to] : words)
            for (std::size_t at; (at = text.find(from)) != std::string::npos;)
                text.replace(at, from.size(), to);
        return text;
    }

    /// Asks in the asker's place, in a group that a container engine would have made.
    /// @return errno of request_key(2), 0 for a key
    int ask_as(const Forgery& forgery) {
        std::optional<ControlGroup> group;
        std::optional<ChildrenInPidNamespace> inside;
        if (forgery.where != Where::host) {
            group.emplace("docker-" + container_id() + ".scope", ::getpid());
            inside.emplace(asker_->pid());
        }
        const nsutil::UniqueFd proc(::open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC));
        const std::uint32_t own = forgery.where == Where::user_namespace ? 5 : own_uid_;
        const std::uint32_t uid = forgery.who == Forgery::own ? own : 0;
        const std::uint32_t gid = forgery.who == Forgery::root ? 0 : own;
        const int ended = must(asker_->run(
            [&] {
                (void)::prctl(PR_SET_NAME, "the-forger");
                if (::keyctl_join_session_keyring(nullptr) < 0 || !forgery.before()) return 1;
                // As the kernel would number this task to the helper.
                shared_->tid = own_pid_in(proc.get());
                const auto text = filled_in(forgery.description, shared_->tid);
                shared_->error = 0;
                if (::request_key("user", text.c_str(), "", KEY_SPEC_SESSION_KEYRING) < 0)
                    shared_->error = errno;
                return 0;
            },
            uid, gid));
        EXPECT_EQ(0, ended) << "the asker could not ask";
        host_uid_ = forgery.who == Forgery::own              ? own_uid_
                    : forgery.where == Where::user_namespace ? unused_uid()
                                                             : 0;
        return shared_->error;
    }

    /// What was logged of the one request; where an engine answers, what its history has.
    [[nodiscard]] std::string told() {
        if (tests_run_with_engine()) {
            for (int at = 0; at < 200 && !running_of_rule().empty(); ++at) ::usleep(5000);
            const auto tail = history_->since(1, std::int64_t{::time(nullptr)} * 1'000'000);
            if (!tail || tail->records.empty()) return "nothing";
            EXPECT_EQ(1U, tail->records.size());
            EXPECT_TRUE(tail->records.back().forged);
            EXPECT_EQ(EPERM, tail->records.back().code);
            return tail->records.back().message;
        }
        const auto all = sink_->records();
        if (all.empty()) return "nothing";
        EXPECT_EQ(1U, all.size());
        // LOG_AUTHPRIV and LOG_WARNING.
        EXPECT_TRUE(all[0].starts_with("<84>cifs.upcall[")) << all[0];
        EXPECT_NE(std::string::npos, all[0].find("refused with EPERM")) << all[0];
        return all[0];
    }
    [[nodiscard]] std::vector<pid_t> running_of_rule() const { return rule_->running_helpers(); }

    void expect_names_the_asker(const std::string& record, Where where) const {
        const pid_t tid = shared_->tid;
        EXPECT_NE(std::string::npos, record.find("forged request: ")) << record;
        EXPECT_NE(std::string::npos,
                  record.find(
                      fmt::format("asked by tid {0} (the-forger) of process {0}, uid {1} ", tid, host_uid_)))
            << "wanted tid " << tid << " and uid " << host_uid_ << ": " << record;
        if (where != Where::host) {
            EXPECT_NE(std::string::npos, record.find("container " + container_id())) << record;
        }
    }

    Shared* shared_ = nullptr;
    std::uint32_t host_uid_ = 0;
    std::optional<LogSink> sink_;
    std::optional<TempDir> folder_;
    std::optional<History> history_;
    std::optional<Container> victim_, asker_;
    std::optional<RequestRule> rule_;
};

class Forged : public ForgedTest, public testing::WithParamInterface<Forgery> {};

TEST_P(Forged, Request_IsEperm_AndTheWarningNamesTheAsker) {
    const auto& forgery = GetParam();
    install(forgery.rule);
    start_asker(forgery.where);
    EXPECT_EQ("EPERM", nsutil::errno_name(ask_as(forgery)));
    expect_names_the_asker(told(), forgery.where);
}

const Forgery kForgeries[] = {
    // With our own rule nobody but the kernel is believed.
    {"UserOfTheHost", Rule::with_proof, Where::host, Forgery::own, kPlain},
    {"RootOfTheHost", Rule::with_proof, Where::host, Forgery::root, kPlain},
    {"RootOfTheHostWithAThreadKeyring", Rule::with_proof, Where::host, Forgery::root, kPlain,
     make_thread_keyring},
    {"RootOfTheHostWithKeyringsOfAlikeName", Rule::with_proof, Where::host, Forgery::root, kPlain,
     imitate_the_keyring},
    {"UserOfAContainer", Rule::with_proof, Where::container, Forgery::own, kPlain},
    {"RootOfAContainer", Rule::with_proof, Where::container, Forgery::root, kPlain},
    {"RootOfAContainerWithKeyringsOfAlikeName", Rule::with_proof, Where::container, Forgery::root, kPlain,
     imitate_the_keyring},
    {"RootOfAUserNamespace", Rule::with_proof, Where::user_namespace, Forgery::root, kPlain},
    {"UserOfAUserNamespace", Rule::with_proof, Where::user_namespace, Forgery::own, kPlain},
    {"RootOfAContainerForAnothersUser", Rule::with_proof, Where::container, Forgery::root, kForVictim},
    {"RootOfAUserNamespaceForAnothersUser", Rule::with_proof, Where::user_namespace, Forgery::root,
     kForVictim},
    {"ThatNamesPidOne", Rule::with_proof, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid=0x0;creduid=0x0;pid=0x1;upcall_target=app"},
    {"ThatNamesAKernelThread", Rule::with_proof, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={HIS};creduid={HIS};pid=0x2;upcall_target=app"},
    {"ThatAsksForTheHostsView", Rule::with_proof, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={HIS};creduid={HIS};pid={SELF};upcall_target=mount"},
    {"InjectedCreduid", Rule::with_proof, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};user=x;creduid={HIS};pid={SELF}"},
    {"InjectedPid", Rule::with_proof, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};user=x;pid={VICTIM};pid={SELF}"},
    {"InjectedTarget", Rule::with_proof, Where::user_namespace, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};user=x;upcall_target=mount;pid={SELF}"},
    // With the rule of cifs-utils: the key's owner, and who waits for it.
    {"UserOfTheHostByKeyOnly", Rule::with_key_only, Where::host, Forgery::own, kPlain},
    {"RootOfAnotherGroupByKeyOnly", Rule::with_key_only, Where::host, Forgery::root_of_another_group, kPlain},
    {"UserOfAContainerByKeyOnly", Rule::with_key_only, Where::container, Forgery::own, kPlain},
    {"RootOfAUserNamespaceByKeyOnly", Rule::with_key_only, Where::user_namespace, Forgery::root, kPlain},
    {"RootOfAUserNamespaceInjectsByKeyOnly", Rule::with_key_only, Where::user_namespace, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};user=x;creduid={HIS};pid={VICTIM}"},
    {"ForAnothersUserByKeyOnly", Rule::with_key_only, Where::container, Forgery::root, kForVictim},
    {"ForAnothersTaskByKeyOnly", Rule::with_key_only, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};pid={VICTIM};upcall_target=app"},
    {"ForPidOneByKeyOnly", Rule::with_key_only, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid=0x0;creduid=0x0;pid=0x1;upcall_target=app"},
    {"ForAKernelThreadByKeyOnly", Rule::with_key_only, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={HIS};creduid={HIS};pid=0x2;upcall_target=app"},
    {"ForItsOwnLeaderByKeyOnly", Rule::with_key_only, Where::container, Forgery::root,
     "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={OWN};creduid={OWN};pid={LEADER};upcall_target=app"},
};

INSTANTIATE_TEST_SUITE_P(Table, Forged, testing::ValuesIn(kForgeries),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(ForgedTest, RootThatAsksForItself_ByKeyOnly_IsServedFromItsOwnPlace) {
    // The control: it is what the rows above say wrongly that has them refused. docs/THREAT-MODEL.md says
    // what a rule without %T costs: a container's own credentials, which its root can read anyway.
    install(Rule::with_key_only);
    start_asker(Where::container);
    EXPECT_EQ(0, ask_as({"", Rule::with_key_only, Where::container, Forgery::root, kPlain}))
        << testing::PrintToString(sink_->records());
    EXPECT_NE(0, ask_as({"", Rule::with_key_only, Where::container, Forgery::root,
                         "ver=0x2;host={H};ip4=127.0.0.9;sec=krb5;uid={HIS};creduid={HIS};pid={SELF};"
                         "upcall_target=app"}))
        << "a user without credentials in the asker's place";
}

}  // namespace
}  // namespace nsupcall::test
