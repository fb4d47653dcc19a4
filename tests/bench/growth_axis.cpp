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
#include <csignal>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "session/session_store.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::fail;
using nsutil::fail_errno;
using nsutil::Result;

class Keys final : public GrowthAxis {
  public:
    [[nodiscard]] std::string name() const override { return "keys"; }
    [[nodiscard]] std::string title() const override { return "keys in the keyrings"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {10, 100, 1000, 10000}; }
    Result<void> grow_to(unsigned size) override {
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
        made_ = 0;
        ::sleep(1);  // keys are collected by a worker of the kernel's
        return {};
    }
    ~Keys() override { (void)Keys::shrink(); }

  private:
    unsigned made_ = 0;
    std::vector<key_serial_t> rings_;
};

/// Children that sleep, each in a mount namespace of its own if asked for.
class Processes final : public GrowthAxis {
  public:
    explicit Processes(bool with_namespaces) : with_namespaces_(with_namespaces) {}
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

class Mounts final : public GrowthAxis {
  public:
    explicit Mounts(const test::Container& container) : container_(container) {}
    [[nodiscard]] std::string name() const override { return "mounts"; }
    [[nodiscard]] std::string title() const override { return "mounts in the requester's table"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 100, 1000, 10000}; }
    Result<void> grow_to(unsigned size) override {
        const auto more = size - std::min(size, made_);
        auto done = container_.run(
            [more] {
                if (::mkdir("/tmp/many", 0755) != 0 && errno != EEXIST) return 1;
                for (unsigned at = 0; at < more; ++at)
                    if (::mount("/tmp", "/tmp/many", nullptr, MS_BIND, nullptr) != 0) return 2;
                return 0;
            },
            0, 0);
        if (!done) return nsutil::propagate(done);
        if (*done != 0) return fail(EIO, "mounts");
        made_ += more;
        return {};
    }
    Result<void> shrink() override {
        auto done = container_.run(
            [] {
                while (::umount2("/tmp/many", MNT_DETACH) == 0) {
                }
                return 0;
            },
            0, 0);
        if (!done) return nsutil::propagate(done);
        made_ = 0;
        return {};
    }

  private:
    const test::Container& container_;
    unsigned made_ = 0;
};

/// Records of other sessions in the folder where ours is.
class Sessions final : public GrowthAxis {
  public:
    explicit Sessions(std::string folder) : folder_(std::move(folder)) {}
    [[nodiscard]] std::string name() const override { return "sessions"; }
    [[nodiscard]] std::string title() const override { return "session records"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 10, 100, 1000}; }
    Result<void> grow_to(unsigned size) override {
        const SessionStore store(folder_);
        auto boot = boot_id();
        if (!boot) return nsutil::propagate(boot);
        for (; made_ < size; ++made_) {
            SessionRecord record;
            record.key = {fmt::format("server-{}.lab.test", made_), "192.0.2.1", "", 1'000'000 + made_,
                          false};
            record.boot_id = *boot;
            record.principal = "somebody@LAB.TEST";
            record.ccache = "FILE:/tmp/krb5cc_0";
            record.place.view.ids[0].inode = 1'000'000 + made_;
            record.written = std::time(nullptr);
            if (auto saved = store.save(record); !saved) return saved;
        }
        return {};
    }
    Result<void> shrink() override {
        std::error_code failed;
        std::filesystem::remove_all(folder_, failed);
        made_ = 0;
        return {};
    }

  private:
    std::string folder_;
    unsigned made_ = 0;
};

/// Rules that are for others.
class Rules final : public GrowthAxis {
  public:
    [[nodiscard]] std::string name() const override { return "rules"; }
    [[nodiscard]] std::string title() const override { return "rules"; }
    [[nodiscard]] std::vector<unsigned> sizes() const override { return {1, 10, 50, 200}; }
    [[nodiscard]] std::vector<std::string> options() const override { return {"--config=" + path()}; }
    Result<void> grow_to(unsigned size) override {
        if (!folder_) return nsutil::propagate(folder_);
        return write(size);
    }
    Result<void> shrink() override { return folder_ ? write(0) : nsutil::propagate(folder_); }

  private:
    [[nodiscard]] std::string path() const {
        return folder_ ? (folder_->path() / "rules.conf").string() : "";
    }
    Result<void> write(unsigned count) const {
        std::string text = "[rules]\n";
        for (unsigned at = 0; at < count; ++at)
            text += fmt::format(
                "    {0:03}-other = {{\n        host = server-{0}.lab.test\n        ccache = "
                "FILE:/srv/tickets/{0}/%{{uid}}\n    }}\n",
                at);
        auto written = test::write_file(path(), text, 0644);
        ::sleep(2);  // an engine reads no rules ahead that may still be changing
        return written;
    }
    Result<test::TempDir> folder_ = test::TempDir::create();
};

}  // namespace

std::vector<std::unique_ptr<GrowthAxis>> growth_axes(const Scenario& scenario, const RecordFolder& records) {
    std::vector<std::unique_ptr<GrowthAxis>> axes;
    axes.push_back(std::make_unique<Keys>());
    axes.push_back(std::make_unique<Processes>(false));
    axes.push_back(std::make_unique<Processes>(true));
    axes.push_back(std::make_unique<Mounts>(*scenario.container));
    axes.push_back(std::make_unique<Sessions>(records.sessions().string()));
    axes.push_back(std::make_unique<Rules>());
    return axes;
}

}  // namespace nsupcall::bench
