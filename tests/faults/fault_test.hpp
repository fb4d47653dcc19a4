#pragma once
/// @file
/// The fixture of tests in which system calls of an upcall fail.

#include <dirent.h>
#include <fmt/format.h>
#include <sys/syscall.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <thread>

#include "nsutil/unique_fd.hpp"
#include "plan.hpp"
#include "support/leftovers.hpp"
#include "support/test_engine.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {

inline constexpr auto kFaultDeadline = std::chrono::milliseconds(1500);
// The watchdog fires half a second after the deadline; the rest is for a loaded machine.
inline constexpr auto kFaultLimit = kFaultDeadline + std::chrono::milliseconds(3000);

/// Upcalls of a helper, or of an engine's servants, that tests/faults/inject.cpp watches.
class FaultTest : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        service_host_ = "faulty." + host();
        (void)realm().add_service("cifs/" + service_host_);
        folder_.emplace(must(TempDir::create()));
        plan_ = folder_->path() / "plan";
        set_plan("broker", 0, "0");
    }
    void TearDown() override {
        rule_.reset();
        engine_.reset();
        container_.reset();
        UpcallTest::TearDown();
    }

    [[nodiscard]] static std::uint32_t user() { return unused_uid(10); }

    /// The asker: a user with a ticket in a user namespace.
    void start_container() {
        auto spec = spec_with_ticket(must(realm().ticket("alice")), 10);
        spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        spec.environment = {"KRB5CCNAME=/tmp/krb5cc_10"};
        ticket_ = spec.files.back();
        container_.emplace(must(Container::start(spec)));
        auto fields = fields_for(container_->tid(), user());
        fields.host = service_host_;
        description_ = fields.description();
    }

    /// What the helper is told, wherever it runs: with records and a history of its own, as in production.
    [[nodiscard]] std::vector<std::string> helper_options() const {
        return {"--test-type=cifs.spnego", fmt::format("--deadline={}", kFaultDeadline.count()),
                "--session-dir=" + records().string(), "--history-dir=" + history().string()};
    }
    [[nodiscard]] std::filesystem::path records() const { return folder_->path() / "run" / "sessions"; }
    [[nodiscard]] std::filesystem::path history() const { return folder_->path() / "run" / "history"; }

    /// Requests go to `program`, watched.
    void watch(const std::filesystem::path& program, std::vector<std::string> first = {},
               std::vector<std::string> more = {}) {
        std::vector<std::string> arguments = {"--plan=" + plan_.string(), program.string()};
        arguments.insert(arguments.end(), first.begin(), first.end());
        for (auto& option : helper_options()) arguments.push_back(std::move(option));
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.emplace_back("%k");
        rule_.reset();
        rule_.emplace(must(RequestRule::install({.description = RequestRule::pattern_for(service_host_),
                                                 .program = NSUPCALL_INJECT_PATH,
                                                 .arguments = std::move(arguments)})));
    }

    /// Requests go to a front end, and its questions to an engine that is watched.
    void watch_engine(std::vector<std::string> more = {}) {
        const auto socket = folder_->path() / "engine/socket";
        engine_.emplace(must(
            Daemon::start({.argv = {NSUPCALL_INJECT_PATH, "--plan=" + plan_.string(), "--engine",
                                    NSUPCALL_TRACED_ENGINE_PATH, "--idle=2", "--socket=" + socket.string()},
                           .log_file = (folder_->path() / "engine.log").string()})));
        await_idle_engine();
        ASSERT_EQ(kIdleChildren, children(engine_pid()).size())
            << "the engine does not start: " << read_file(folder_->path() / "engine.log").value_or("");
        ask_front(socket.string(), std::move(more));
    }

    void ask_front(const std::string& socket, std::vector<std::string> more = {}) {
        std::vector<std::string> arguments = {"--engine=" + socket};
        for (auto& option : helper_options()) arguments.push_back(std::move(option));
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.emplace_back("%k");
        rule_.reset();
        rule_.emplace(must(RequestRule::install({.description = RequestRule::pattern_for(service_host_),
                                                 .program = front_path(),
                                                 .arguments = std::move(arguments)})));
    }

    [[nodiscard]] static std::vector<pid_t> children(pid_t pid) {
        std::istringstream text(read_file(fmt::format("/proc/{0}/task/{0}/children", pid)).value_or(""));
        std::vector<pid_t> all;
        for (pid_t child = 0; text >> child;) all.push_back(child);
        return all;
    }
    /// The engine itself, a child of its injector.
    [[nodiscard]] pid_t engine_pid() const {
        const auto all = children(engine_->pid());
        return all.empty() ? 0 : all.front();
    }

    /// Two servants, a worker for each, one besides, and the nursery.
    static constexpr std::size_t kIdleChildren = 6;

    /// Until it has these again and no others, and servants have met their workers, which sleep in recvmsg then.
    void await_idle_engine() const {
        const auto idle = [&] {
            const auto all = children(engine_pid());
            const auto met = std::ranges::count_if(all, [](pid_t pid) {
                constexpr int kRecvmsg = SYS_recvmsg;
                return read_file(fmt::format("/proc/{}/syscall", pid))
                    .value_or("")
                    .starts_with(fmt::format("{} ", kRecvmsg));
            });
            return all.size() == kIdleChildren && met == 2;
        };
        for (int tries = 0; tries < 500 && !idle(); ++tries) ::usleep(10'000);
    }

    void set_plan(const std::string& role, long at, const std::string& kind) const {
        const auto fresh = plan_.string() + ".new";
        must(write_file(fresh, fmt::format("{} {} {}\n", role, at, kind)));
        std::filesystem::rename(fresh, plan_);
    }

    /// One upcall with the fault at call `at` of the role. With an engine the outcome may be missing: the
    /// fault came before the servant knew of the request.
    Outcome upcall(const std::string& role, long at, const std::string& kind, KeyAnswer& answer) {
        set_plan(role, at, kind);
        const auto out = plan_.string() + ".out";
        (void)::unlink(out.c_str());
        auto request = must(KeyRequest::start(description_));
        auto finished = request.finish(std::chrono::seconds(20));
        if (!finished) {
            ADD_FAILURE() << "the asker was not freed: " << finished.error().text();
            return {};
        }
        answer = *finished;
        Outcome outcome;
        // A servant writes its records when the asker is free already.
        for (int tries = 0; !outcome.read(out); ++tries, outcome = {}) {
            if (tries == 1000) {
                ADD_FAILURE() << "the injector wrote nothing";
                return {};
            }
            ::usleep(5000);
        }
        return outcome;
    }

    /// Puts the ticket back as it was: a fault may have cost the ccache its last entry.
    void restore_ticket() const { must(container_->add_file(ticket_)); }

    /// Files by folder: the container's /tmp by number; on the host what belongs to the user whom the worker
    /// runs as, and what lies where the helper keeps its own.
    [[nodiscard]] std::map<std::string, int> files() const {
        std::map<std::string, int> counts;
        counts["container:/tmp"] = must(container_->run(
            [] {
                int count = 0;
                DIR* folder = ::opendir("/tmp");
                while (folder != nullptr && ::readdir(folder) != nullptr) ++count;
                return count;
            },
            0, 0));
        std::error_code ignored;
        for (const char* folder : {"/tmp", "/var/tmp", "/run", "/dev/shm"})
            for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
                struct stat info{};
                if (::lstat(entry.path().c_str(), &info) == 0 && info.st_uid == user()) ++counts[folder];
            }
        for (const auto& folder : {records(), history(), std::filesystem::path("/run/nsupcall")}) {
            if (!std::filesystem::exists(folder, ignored)) continue;
            for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, ignored))
                ++counts[folder.string() +
                         (entry.path().filename().string().starts_with('.') ? "/.*" : "/*")];
        }
        return counts;
    }

    /// Descriptors of a process that goes on, by what they lead to.
    [[nodiscard]] static std::map<std::string, int> descriptors(pid_t pid) {
        std::map<std::string, int> counts;
        std::error_code failed;
        for (const auto& entry : std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", pid), failed))
            ++counts[std::filesystem::read_symlink(entry.path(), failed).string()];
        return counts;
    }

    /// @param by_kernel  the kernel may have had to answer by itself
    void expect_answer(bool by_kernel, const Outcome& outcome, const KeyAnswer& answer) {
        EXPECT_LT(answer.elapsed, kFaultLimit);
        EXPECT_EQ(0, outcome.left) << "a process is left";
        EXPECT_EQ(std::vector<std::string>(), keys_under_construction());
        keyrings_.insert(outcome.keyrings.begin(), outcome.keyrings.end());
        if (!by_kernel) {
            EXPECT_LE(answer.remembered_s, 2) << "the kernel had to answer by itself";
        }
        if (answer.error == 0) (void)expect_token(answer, "alice");
    }

    /// Of all the keyrings that were made none is left. A worker that ended holds its own until the machine's
    /// init has taken notice, which takes some a second: hence for all at once.
    void expect_no_keyrings() const {
        EXPECT_EQ(std::set<std::uint32_t>(), remaining_keys(keyrings_, 5000)) << "keyrings are left";
    }

    std::set<std::uint32_t> keyrings_;
    std::string service_host_, description_;
    std::optional<TempDir> folder_;
    std::filesystem::path plan_;
    std::optional<Container> container_;
    std::optional<RequestRule> rule_;
    std::optional<Daemon> engine_;
    ContainerFile ticket_;
};

}  // namespace nsupcall::test
