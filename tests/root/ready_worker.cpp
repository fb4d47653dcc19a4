/// @file
/// A worker that waits: what it has given up by then, and what becomes of it without a proper task.

#include "privsep/ready_worker.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <keyutils.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <set>
#include <thread>

#include "privsep/reply.hpp"
#include "privsep/sealed_job.hpp"
#include "support/forked_test.hpp"
#include "support/must.hpp"
#include "support/skip.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {
namespace {

using namespace std::chrono_literals;
using nsutil::Child;
using nsutil::Deadline;
using nsutil::NamespaceSet;
using nsutil::NamespaceView;

constexpr std::uint32_t kUid = 4242;

/// What the worker says of itself, on a page that both see.
struct Report {
    bool shown;
    char name[32], word[32], session[256], links[1024], environment[64];
    int dumpable, death_signal;
    long authority;  ///< what looking for the authorisation key gives: a key id, or an errno below 0
};
Report* g_report = nullptr;

template <std::size_t Size>
void copy(char (&to)[Size], const std::string& from) {
    to[from.copy(to, Size - 1)] = '\0';
}

/// Runs in the worker, once it has its task and before it crosses the boundary.
void inspect(const WorkerTitle& title) {
    copy(g_report->name, title.name);
    copy(g_report->word, title.word);
    g_report->dumpable = ::prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    (void)::prctl(PR_GET_PDEATHSIG, &g_report->death_signal, 0, 0, 0);
    char described[256] = {};
    (void)::keyctl_describe(KEY_SPEC_SESSION_KEYRING, described, sizeof described);
    // fmt's objects are looked at by sanitizers, with system calls that a worker may not make.
    copy(g_report->session,
         std::to_string(::keyctl_get_keyring_ID(KEY_SPEC_SESSION_KEYRING, 0)) + " " + described);
    g_report->authority = ::keyctl_get_keyring_ID(KEY_SPEC_REQKEY_AUTH_KEY, 0) < 0 ? -errno : 1;
    std::string environment;
    for (char** word = ::environ; *word != nullptr; ++word) environment.append(*word).append(" ");
    copy(g_report->environment, environment);
    std::string links;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        std::error_code gone;
        const auto target = std::filesystem::read_symlink(entry.path(), gone).string();
        if (!target.ends_with("/fd") && !gone) links += target + "\n";
    }
    copy(g_report->links, links);
    g_report->shown = true;
}

class ReadyWorkers : public testing::Test {
  protected:
    void SetUp() override {
        if (::geteuid() != 0) NSUPCALL_SKIP("workers begin as root");
        void* page =
            ::mmap(nullptr, sizeof(Report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(MAP_FAILED, page);
        g_report = new (page) Report();
        int ends[2];
        ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
        told_ = nsutil::UniqueFd(ends[0]);
        tell_ = nsutil::UniqueFd(ends[1]);
        ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
        commanded_ = nsutil::UniqueFd(ends[0]);
        command_ = nsutil::UniqueFd(ends[1]);
    }
    void TearDown() override {
        if (nursery_) {
            (void)::kill(*nursery_, SIGKILL);
            (void)::waitpid(*nursery_, nullptr, 0);
        }
        if (g_report != nullptr) (void)::munmap(g_report, sizeof(Report));
        g_report = nullptr;
    }

    /// A task on the host, for a user who has no credentials.
    static WorkerTask task_in(const NamespaceSet& namespaces) {
        WorkerTask task{.namespaces = namespaces, .host_uid = kUid, .inside_uid = kUid, .host_gid = kNoGroup};
        task.query.host = "files.lab.test";
        task.query.inside_uid = task.query.host_uid = kUid;
        task.query.settings.sources = {Source::tmp};
        return task;
    }

    /// A worker of this process', met at once. `inspected`: it says what it has once it has its task.
    ReadyWorker start(bool inspected = true, bool rehearsed = true) {
        ask_for_worker(inspected, rehearsed);
        auto worker = must(ReadyWorker::meet(socket_, 10s));
        EXPECT_EQ(worker.pid(), told());
        return worker;
    }
    /// Of a nursery that ends with this process.
    void ask_for_worker(bool inspected, bool rehearsed) {
        const pid_t parent = ::getpid();
        if (!nursery_)
            nursery_ = must(nsutil::spawn_alone([&] {
                return run_nursery({.show = inspected ? inspect : nullptr,
                                    .listen_fd = socket_.listen_fd(),
                                    .command_fd = commanded_.get(),
                                    .told_fd = tell_.get(),
                                    .parent = parent});
            }));
        const auto command = rehearsed ? NurseryCommand::rehearsed : NurseryCommand::at_once;
        ASSERT_EQ(1, ::write(command_.get(), &command, 1));
    }
    pid_t told() const {
        pid_t pid = -1;
        EXPECT_EQ(ssize_t{sizeof pid}, ::read(told_.get(), &pid, sizeof pid));
        return pid;
    }
    /// What a worker answers that was handed bytes that are no task.
    Reply reply_to(std::span<const std::byte> message, std::span<const int> descriptors) {
        ask_for_worker(false, true);
        auto child = Child::adopt(must(socket_.connect()));
        std::array<std::byte, 64> hello;
        (void)must(child.receive(hello, Deadline::after(10s)));
        EXPECT_EQ(0, child.send(message, descriptors));
        return await_reply(child, Deadline::after(10s));
    }

    /// Waits for the end of a child of this process. @return its status, -1 where it goes on
    static int end_of(pid_t pid) {
        int status = -1;
        for (int at = 0; at < 2000; ++at) {
            if (::waitpid(pid, &status, WNOHANG) == pid) return status;
            std::this_thread::sleep_for(5ms);
        }
        return -1;
    }

    const Deadline deadline_ = Deadline::after(10s);
    TempDir folder_ = must(TempDir::create());
    WorkerSocket socket_ = must(WorkerSocket::create((folder_.path() / "workers").string()));
    nsutil::UniqueFd told_, tell_, commanded_, command_;
    std::optional<pid_t> nursery_;
};

TEST_F(ReadyWorkers, Task_IsDoneBehindTheBoundary) {
    auto worker = start();
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    auto child = worker.give(task_in(here), {"cifs.upcall", "77"}, deadline_);
    ASSERT_TRUE(child);
    const auto reply = await_reply(*child, deadline_);
    EXPECT_EQ(ENOKEY, reply.code) << reply.message;
    ASSERT_EQ(1U, reply.trace.candidates().size());
    EXPECT_EQ(fmt::format("FILE:/tmp/krb5cc_{}", kUid), reply.trace.candidates()[0].name);
    EXPECT_TRUE(g_report->shown);
    EXPECT_STREQ("cifs.upcall", g_report->name);
    EXPECT_STREQ("77", g_report->word);
}

TEST_F(ReadyWorkers, WithoutRehearsal_DoesTheSame) {
    auto worker = start(false, false);
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    auto child = worker.give(task_in(here), {}, deadline_);
    ASSERT_TRUE(child);
    EXPECT_EQ(ENOKEY, await_reply(*child, deadline_).code);
}

TEST_F(ReadyWorkers, SecondTask_IsNotTaken) {
    auto worker = start(false);
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    auto child = worker.give(task_in(here), {}, deadline_);
    ASSERT_TRUE(child);
    EXPECT_FALSE(worker.give(task_in(here), {}, deadline_));
    EXPECT_EQ(ENOKEY, await_reply(*child, deadline_).code);
}

TEST_F(ReadyWorkers, TaskThatCannotBeSent_LeavesItWaiting) {
    auto worker = start(false);
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    auto task = task_in(here);
    task.query.host_keytab = "MEMORY:of-this-process";
    EXPECT_FALSE(worker.give(task, {}, deadline_));
    auto child = worker.give(task_in(here), {}, deadline_);
    ASSERT_TRUE(child);
    EXPECT_EQ(ENOKEY, await_reply(*child, deadline_).code);
}

TEST_F(ReadyWorkers, Waiting_HoldsNothing) {
    const nsutil::UniqueFd secret(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(secret);
    ASSERT_EQ(0, ::setenv("OF_WHOEVER_STARTED_IT", "secret", 1));
    const auto own = fmt::format("{} ", ::keyctl_get_keyring_ID(KEY_SPEC_SESSION_KEYRING, 0));
    auto worker = start();
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    auto child = worker.give(task_in(here), {}, deadline_);
    ASSERT_TRUE(child);
    const auto status = fmt::format("/proc/{}/status", child->pid());
    (void)await_reply(*child, deadline_);
    ASSERT_TRUE(g_report->shown);
    EXPECT_EQ(0, g_report->dumpable);
    EXPECT_EQ(SIGKILL, g_report->death_signal);
    EXPECT_STREQ("TZ=: ", g_report->environment);
    EXPECT_LT(g_report->authority, 0) << "it has the authority over a key";
    EXPECT_FALSE(std::string(g_report->session).starts_with(own)) << "the session keyring is its starter's";
    EXPECT_NE(std::string::npos, std::string(g_report->session).find("keyring;0;0;")) << g_report->session;
    std::istringstream lines(g_report->links);
    std::multiset<std::string> kinds;
    for (std::string line; std::getline(lines, line);) kinds.insert(line.substr(0, line.find(':')));
    EXPECT_EQ((std::multiset<std::string>{"/dev/null", "/dev/null", "/dev/null", "socket", status}), kinds);
}

TEST_F(ReadyWorkers, MessageThatIsNoTask_IsRefused) {
    constexpr std::array<std::byte, 64> kZeros = {};
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    const auto task = must(encode_task(task_in(here), {}, deadline_));
    EXPECT_EQ(EPROTO, reply_to(kZeros, {}).code);
    EXPECT_EQ(EPROTO, reply_to(std::span(task.bytes).first(task.bytes.size() - 1), {}).code);
    const int extra = STDERR_FILENO;
    EXPECT_EQ(EPROTO, reply_to(task.bytes, {&extra, 1}).code) << "a descriptor that nobody announced";
    EXPECT_EQ(ENOKEY, reply_to(task.bytes, {}).code);
}

TEST_F(ReadyWorkers, MessageThatIsTooLong_EndsIt) {
    const std::vector<std::byte> bytes(kTaskMessageLimit + 1);
    const auto reply = reply_to(bytes, {});
    EXPECT_EQ(EKEYREJECTED, reply.code);
    EXPECT_TRUE(reply.worker_lost) << reply.message;
}

TEST_F(ReadyWorkers, Killed_IsNoticed) {
    auto worker = start(false);
    ASSERT_GT(worker.pid(), 0);
    ASSERT_EQ(0, ::kill(worker.pid(), SIGKILL));
    ASSERT_NE(-1, end_of(worker.pid()));
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    EXPECT_FALSE(worker.give(task_in(here), {}, deadline_)) << "a task was given to nobody";
}

TEST_F(ReadyWorkers, NoTask_EndsQuietly) {
    pid_t pid = -1;
    {
        const auto worker = start(false);
        pid = worker.pid();
    }
    const int status = end_of(pid);
    EXPECT_TRUE(WIFEXITED(status)) << status;
    EXPECT_EQ(0, WEXITSTATUS(status));
}

TEST_F(ReadyWorkers, WithoutAnyWorker_BrokersGiveUpInTime) {
    const auto began = std::chrono::steady_clock::now();
    EXPECT_EQ(ETIMEDOUT, ReadyWorker::meet(socket_, 200ms).error().code);
    EXPECT_LT(std::chrono::steady_clock::now() - began, 2s);
    ask_for_worker(false, false);
    const int status = end_of(told());
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
    EXPECT_GT(start(false).pid(), 0);
}

TEST_F(ReadyWorkers, SocketWithoutAName_IsNobodyElses) {
    EXPECT_TRUE(std::filesystem::is_empty(folder_.path())) << "somebody may connect by a path";
    socket_.stop_listening();
    EXPECT_EQ(ECONNREFUSED, ReadyWorker::meet(socket_).error().code);
}

TEST_F(ReadyWorkers, WhoeverSaysNotWhoItIs_IsNoWorker) {
    std::thread impostor([&] {
        const nsutil::UniqueFd channel(::accept4(socket_.listen_fd(), nullptr, nullptr, SOCK_CLOEXEC));
        (void)nsutil::send_message(channel.get(), std::array<std::byte, 8>{});
    });
    EXPECT_EQ(EPROTO, ReadyWorker::meet(socket_, 10s).error().code);
    impostor.join();
}

TEST_F(ReadyWorkers, AreChildrenOfTheNurserysParent) {
    const auto worker = start(false);
    const auto status = read_file(fmt::format("/proc/{}/status", worker.pid())).value_or("");
    const auto parent = fmt::format("PPid:\t{}", ::getpid());
    for (const char* line :
         {parent.c_str(), "Name:\tworker", "CapBnd:\t0000000000000000", "Seccomp_filters:\t1"})
        EXPECT_NE(std::string::npos, status.find(line)) << line << " is not in " << status;
}

TEST_F(ReadyWorkers, OfOneNursery_HaveAKeyringEach) {
    auto first = start(), second = start();
    const auto here = NamespaceSet::none(must(NamespaceView::own()));
    std::set<std::string> sessions;
    for (auto* worker : {&first, &second}) {
        auto child = worker->give(task_in(here), {}, deadline_);
        ASSERT_TRUE(child);
        (void)await_reply(*child, deadline_);
        sessions.insert(g_report->session);
    }
    EXPECT_EQ(2U, sessions.size());
}

TEST_F(ReadyWorkers, WithoutWhoForkedIt_Ends) {
    int ends[2];
    ASSERT_EQ(0, ::pipe2(ends, O_CLOEXEC));
    const nsutil::UniqueFd from(ends[0]), to(ends[1]);
    ASSERT_EQ(0, ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    const pid_t broker = ::fork();
    ASSERT_GE(broker, 0);
    if (broker == 0) {
        const auto worker = start(false);
        const pid_t pid = worker.pid();
        (void)!::write(to.get(), &pid, sizeof pid);
        for (;;) ::pause();
    }
    pid_t worker = -1;
    ASSERT_EQ(ssize_t{sizeof worker}, ::read(from.get(), &worker, sizeof worker));
    ASSERT_EQ(0, ::kill(broker, SIGKILL));
    EXPECT_NE(-1, end_of(broker));
    EXPECT_NE(-1, end_of(worker)) << "it outlives the process that forked it";
}

}  // namespace
}  // namespace nsupcall::test
