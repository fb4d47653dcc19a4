#include "bench/growth_axis.hpp"

#include <fmt/format.h>
#include <keyutils.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <ctime>
#include <sstream>
#include <thread>

#include "session/session_store.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::Result;

/// How many keys root has, by /proc/key-users; those that wait to be collected among them.
std::size_t roots_keys() {
    std::istringstream text(test::read_file("/proc/key-users").value_or(""));
    std::string uid, usage;
    std::size_t count = 0;
    while (text >> uid >> usage >> count && uid != "0:") text.ignore(256, '\n');
    return uid == "0:" ? count : 0;
}

class Keys final : public GrowthAxis {
  public:
    using GrowthAxis::GrowthAxis;
    [[nodiscard]] std::string name() const override { return "keys"; }
    [[nodiscard]] std::string title() const override { return "keys in the keyrings"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {10, 100, 1000, 10000}; }
    [[nodiscard]] bool side_by_side() const override { return false; }
    Result<void> grow_to(unsigned size) override {
        if (made_ == 0) before_ = roots_keys();
        // Rings of its own: one takes no more than some thousands, and all root's keys count to one quota.
        constexpr unsigned kRing = 500;
        for (; made_ < size; ++made_) {
            if (made_ % kRing == 0) {
                const auto ring = ::add_key("keyring", fmt::format("growth-ring-{}", made_).c_str(), nullptr,
                                            0, KEY_SPEC_PROCESS_KEYRING);
                if (ring < 0) return fail_errno("keyring");
                rings_.push_back(ring);
            }
            if (::add_key("user", fmt::format("growth-{}", made_).c_str(), "x", 1, rings_.back()) < 0)
                return fail_errno("key " + std::to_string(made_));
        }
        return {};
    }
    Result<void> shrink() override {
        for (const auto ring : rings_) {
            (void)::keyctl_clear(ring);
            (void)::keyctl_unlink(ring, KEY_SPEC_PROCESS_KEYRING);
        }
        rings_.clear();
        // They are collected by a worker of the kernel's.
        constexpr int kTries = 300;
        constexpr unsigned kOthers = 100;  // come and go meanwhile
        for (int at = 0; made_ > kOthers && roots_keys() > before_ + kOthers && at < kTries; ++at)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        made_ = 0;
        return {};
    }
    ~Keys() override { (void)Keys::shrink(); }

  private:
    unsigned made_ = 0;
    std::size_t before_ = 0;
    std::vector<key_serial_t> rings_;
};

/// Children that sleep, each in a mount namespace of its own if asked for.
class Processes final : public GrowthAxis {
  public:
    Processes(GrowthPlace usual, bool with_namespaces)
        : GrowthAxis(std::move(usual)), with_namespaces_(with_namespaces) {}
    [[nodiscard]] bool side_by_side() const override { return false; }
    [[nodiscard]] std::string name() const override { return with_namespaces_ ? "namespaces" : "processes"; }
    [[nodiscard]] std::string title() const override {
        return with_namespaces_ ? "mount namespaces" : "processes";
    }
    [[nodiscard]] std::vector<unsigned> sizes() const override {
        return with_namespaces_ ? std::vector<unsigned>{10, 100, 1000}
                                : std::vector<unsigned>{10, 100, 1000, 5000};
    }
    Result<void> grow_to(unsigned size) override {
        while (pids_.size() < size) {
            int ready[2];
            if (::pipe(ready) != 0) return fail_errno("pipe");
            const pid_t pid = ::fork();
            if (pid == 0) live(ready[1]);
            char answer = 'n';
            (void)::close(ready[1]);
            const bool good = pid > 0 && ::read(ready[0], &answer, 1) == 1 && answer == 'y';
            (void)::close(ready[0]);
            if (pid > 0) pids_.push_back(pid);
            if (!good) return fail(EAGAIN, "process " + std::to_string(pids_.size()));
        }
        return {};
    }
    Result<void> shrink() override {
        for (const pid_t pid : pids_) (void)::kill(pid, SIGKILL);
        for (const pid_t pid : pids_) (void)::waitpid(pid, nullptr, 0);
        pids_.clear();
        return {};
    }
    ~Processes() override { (void)Processes::shrink(); }

  private:
    [[noreturn]] void live(int ready) const {
        (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
        const char answer = !with_namespaces_ || ::unshare(CLONE_NEWNS) == 0 ? 'y' : 'n';
        (void)!::write(ready, &answer, 1);
        for (;;) ::pause();
    }
    bool with_namespaces_;
    std::vector<pid_t> pids_;
};

/// A requester for each size, with a mount namespace of its own.
class Mounts final : public GrowthAxis {
  public:
    Mounts(GrowthPlace usual, test::Realm& realm) : GrowthAxis(std::move(usual)), realm_(realm) {}
    [[nodiscard]] std::string name() const override { return "mounts"; }
    [[nodiscard]] std::string title() const override { return "mounts in the requester's table"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 100, 1000, 10000}; }
    [[nodiscard]] bool side_by_side() const override { return true; }
    Result<GrowthPlace> place(unsigned size) override {
        auto scenario = make_scenario(usual().scenario->name, realm_);
        if (!scenario) return nsutil::propagate(scenario);
        auto done = scenario->container->run(
            [size] {
                if (::mkdir("/tmp/many", 0755) != 0) return 1;
                for (unsigned at = 0; at < size; ++at)
                    if (::mount("/tmp", "/tmp/many", nullptr, MS_BIND, nullptr) != 0) return 2;
                return 0;
            },
            0, 0);
        if (!done) return nsutil::propagate(done);
        if (*done != 0) return fail(EIO, "mounts");
        scenarios_.push_back(std::make_unique<Scenario>(std::move(*scenario)));
        auto place = usual();
        place.scenario = scenarios_.back().get();
        return place;
    }

  private:
    test::Realm& realm_;
    std::vector<std::unique_ptr<Scenario>> scenarios_;
};

/// Folders with records of other sessions.
class Sessions final : public GrowthAxis {
  public:
    using GrowthAxis::GrowthAxis;
    [[nodiscard]] std::string name() const override { return "sessions"; }
    [[nodiscard]] std::string title() const override { return "session records"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 10, 100, 1000}; }
    [[nodiscard]] bool side_by_side() const override { return true; }
    Result<GrowthPlace> place(unsigned size) override {
        auto folder = RecordFolder::create();
        if (!folder) return nsutil::propagate(folder);
        const SessionStore store(folder->sessions().string());
        auto boot = boot_id();
        if (!boot) return nsutil::propagate(boot);
        for (unsigned at = 0; at < size; ++at) {
            SessionRecord record;
            record.key = {fmt::format("server-{}.lab.test", at), "192.0.2.1", "", 1'000'000 + at, false};
            record.boot_id = *boot;
            record.principal = "somebody@LAB.TEST";
            record.ccache = "FILE:/tmp/krb5cc_0";
            record.place.view.ids[0].inode = 1'000'000 + at;
            record.written = std::time(nullptr);
            if (auto saved = store.save(record); !saved) return nsutil::propagate(saved);
        }
        auto place = usual();
        place.side_options = folder->options();
        folders_.push_back(std::move(*folder));
        return place;
    }

  private:
    std::vector<RecordFolder> folders_;
};

/// Files with rules that are for others.
class Rules final : public GrowthAxis {
  public:
    using GrowthAxis::GrowthAxis;
    [[nodiscard]] std::string name() const override { return "rules"; }
    [[nodiscard]] std::string title() const override { return "rules"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 10, 50, 200}; }
    [[nodiscard]] bool side_by_side() const override { return true; }
    Result<GrowthPlace> place(unsigned size) override {
        if (!folder_) return nsutil::propagate(folder_);
        std::string text = "[rules]\n";
        for (unsigned at = 0; at < size; ++at)
            text += fmt::format(
                "    {0:03}-other = {{\n        host = server-{0}.lab.test\n        ccache = "
                "FILE:/srv/tickets/{0}/%{{uid}}\n    }}\n",
                at);
        const auto path = folder_->path() / fmt::format("{}-rules.conf", size);
        if (auto written = test::write_file(path, text, 0644); !written) return nsutil::propagate(written);
        auto place = usual();
        place.side_options.push_back("--config=" + path.string());
        place.engine_options = {"--config=" + path.string()};
        return place;
    }

  private:
    Result<test::TempDir> folder_ = test::TempDir::create();
};

}  // namespace

std::vector<std::unique_ptr<GrowthAxis>> growth_axes(const Scenario& scenario, const RecordFolder& records,
                                                     test::Realm& realm) {
    const GrowthPlace usual{&scenario, records.options(), {}};
    std::vector<std::unique_ptr<GrowthAxis>> axes;
    axes.push_back(std::make_unique<Keys>(usual));
    axes.push_back(std::make_unique<Processes>(usual, false));
    axes.push_back(std::make_unique<Processes>(usual, true));
    axes.push_back(std::make_unique<Mounts>(usual, realm));
    axes.push_back(std::make_unique<Sessions>(usual));
    axes.push_back(std::make_unique<Rules>(usual));
    return axes;
}

}  // namespace nsupcall::bench
