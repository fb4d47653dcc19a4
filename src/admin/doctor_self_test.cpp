/// @file
/// One upcall through the running kernel.

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <ctime>
#include <memory>

#include "admin/doctor.hpp"
#include "admin/rule_file.hpp"
#include "keys/key_request.hpp"
#include "keys/key_service.hpp"
#include "nsutil/child.hpp"
#include "nsutil/proc_text.hpp"
#include "trace/history.hpp"

namespace nsupcall::admin {
namespace {

constexpr const char* kId = "self-test";
/// Files of runs that were killed are known by it: their process is gone.
constexpr std::string_view kPrefix = "nsupcall-doctor-";
constexpr std::uint32_t kNobody = 65534;

struct CloseFolder {
    void operator()(DIR* folder) const { (void)::closedir(folder); }
};

/// Ctrl-C and the like wait until all is taken away again.
class Uninterrupted {
  public:
    Uninterrupted() {
        sigset_t signals;
        (void)::sigemptyset(&signals);
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) (void)::sigaddset(&signals, signal);
        (void)::sigprocmask(SIG_BLOCK, &signals, &before_);
    }
    Uninterrupted(const Uninterrupted&) = delete;
    Uninterrupted& operator=(const Uninterrupted&) = delete;
    ~Uninterrupted() { (void)::sigprocmask(SIG_SETMASK, &before_, nullptr); }

  private:
    sigset_t before_ = {};
};

void sweep_stale(int folder_fd) {
    const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(::fcntl(folder_fd, F_DUPFD_CLOEXEC, 0)));
    if (!folder) return;
    ::rewinddir(folder.get());
    while (const auto* entry = ::readdir(folder.get())) {
        const std::string_view name = entry->d_name;
        if (!name.starts_with(kPrefix)) continue;
        const auto digits = name.substr(kPrefix.size(), name.find('.') - kPrefix.size());
        const auto pid = nsutil::parse_number<std::uint32_t>(digits);
        if (pid && *pid > 1 && ::kill(static_cast<pid_t>(*pid), 0) != 0 && errno == ESRCH)
            (void)::unlinkat(folder_fd, entry->d_name, 0);
    }
}

/// The rule and the folder of this test's own history: there as long as this object.
class TemporaryRule {
  public:
    [[nodiscard]] static nsutil::Result<std::unique_ptr<TemporaryRule>> put(const NodeRoot& root,
                                                                            const std::string& program) {
        std::uint64_t random = 0;
        if (::getrandom(&random, sizeof random, 0) != sizeof random) return nsutil::fail_errno("getrandom");
        auto rule = std::unique_ptr<TemporaryRule>(new TemporaryRule(random));
        auto folder = root.open_at(RuleFile::kFolder, O_RDONLY | O_DIRECTORY);
        if (!folder) return nsutil::propagate(folder);
        rule->folder_ = std::move(*folder);
        sweep_stale(rule->folder_.get());
        // Should this process be killed, its end of the channel closes, and the other one tidies up.
        const int fd = rule->folder_.get();
        const auto name = rule->name_;
        auto janitor = nsutil::Child::spawn([fd, name](int channel_fd) {
            char byte = 0;
            while (::read(channel_fd, &byte, 1) < 0 && errno == EINTR) {
            }
            return ::unlinkat(fd, name.c_str(), 0) == 0 ? 0 : 1;
        });
        if (!janitor) return nsutil::propagate(janitor);
        rule->janitor_ = std::make_unique<nsutil::Child>(std::move(*janitor));
        auto done = replace_file(fd, name,
                                 fmt::format("create user ver=0x2;host={};* * {} --test-type=cifs.spnego "
                                             "--test-origin --history-dir={} %k\n",
                                             rule->host_, program, rule->history_),
                                 0600);
        if (!done) return nsutil::propagate(done, RuleFile::kFolder);
        return rule;
    }
    TemporaryRule(const TemporaryRule&) = delete;
    TemporaryRule& operator=(const TemporaryRule&) = delete;
    ~TemporaryRule() {
        if (folder_) (void)::unlinkat(folder_.get(), name_.c_str(), 0);
        (void)::unlink((history_ + "/" + History::kFile).c_str());
        (void)::rmdir(history_.c_str());
    }
    [[nodiscard]] const std::string& host() const { return host_; }
    [[nodiscard]] const std::string& history() const { return history_; }

  private:
    explicit TemporaryRule(std::uint64_t random)
        : host_(fmt::format("nsupcall-doctor-{:016x}.invalid", random)),
          name_(fmt::format("{}{}.conf", kPrefix, ::getpid())),
          history_(fmt::format("/run/nsupcall/doctor-{:016x}", random)) {}

    std::string host_, name_, history_;
    nsutil::UniqueFd folder_;
    std::unique_ptr<nsutil::Child> janitor_;
};

/// Asks as the kernel would for a user without credentials. @return errno of request_key(2); 0: a key
nsutil::Result<int> ask(const std::string& host) {
    auto child = nsutil::Child::spawn([&host](int channel_fd) {
        int error = drop_key_access();
        if (error == 0) {
            const auto text = fmt::format(
                "ver=0x2;host={};ip4=127.0.0.1;sec=krb5;uid=0x0;creduid=0x{:x};pid=0x{:x};upcall_target=app",
                host, kNobody, ::getpid());
            error = ask_for_key("user", text.c_str());
        }
        return nsutil::send_message(channel_fd, std::as_bytes(std::span(&error, 1)));
    });
    if (!child) return nsutil::propagate(child);
    int error = 0;
    auto got = child->receive(std::as_writable_bytes(std::span(&error, 1)),
                              nsutil::Deadline::after(std::chrono::seconds(30)));
    if (!got) return nsutil::propagate(got);
    return error;
}

Check verdict(const HistoryRecord& record) {
    const auto took = static_cast<double>(record.duration_us) / 1000;
    const auto name = record.code == 0 ? std::string("a token") : nsutil::errno_name(record.code);
    // A user that is nobody has no credentials, or stale ones: that is the answer of a helper that works.
    if (record.code == 0 || record.code == ENOKEY || record.code == EKEYEXPIRED)
        return {
            kId, CheckStatus::ok,
            fmt::format("an upcall through the running kernel was answered in {:.1f} ms ({}, as it should)",
                        took, name),
            ""};
    return {kId, CheckStatus::warning,
            fmt::format("an upcall through the running kernel was refused with {}: {}", name, record.message),
            "see nsupcall.conf(5) for who is served"};
}

}  // namespace

Checks examine_by_upcall(const Patient& patient) {
    if (!patient.running) return {{kId, CheckStatus::unknown, "upcalls are of the running system only", ""}};
    if (::geteuid() != 0) return {{kId, CheckStatus::unknown, "no upcall was tried", "run this as root"}};
    const auto program = our_upcall_program(patient.root);
    if (program.empty())
        return {{kId, CheckStatus::unknown, "no upcall was tried, since none comes to nsupcall",
                 "run nsupcall install"}};
    const Uninterrupted uninterrupted;
    const auto rule = TemporaryRule::put(patient.root, program);
    if (!rule)
        return {{kId, CheckStatus::unknown, "no upcall was tried: " + rule.error().text(),
                 "the folder of request-key's rules must take files for this"}};
    const auto answer = ask((*rule)->host());
    if (!answer)
        return {{kId, CheckStatus::failure,
                 "an upcall through the running kernel was not answered: " + answer.error().text(),
                 "see nsupcall history, and the system's log"}};
    auto tail = History((*rule)->history()).since(1, std::int64_t{std::time(nullptr)} * 1'000'000);
    if (tail && !tail->records.empty()) return {verdict(tail->records.back())};
    return {{kId, CheckStatus::failure,
             fmt::format("the running kernel's upcall did not come to {} ({})", program,
                         nsutil::errno_name(*answer)),
             "in a container, look at the host; else see request-key's words in the system's log"}};
}

}  // namespace nsupcall::admin
