#pragma once
/// @file
/// The fixture of the tests about sessions: a folder for records, requests of kernel threads, and the log.

#include <dirent.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "nsutil/task.hpp"
#include "support/upcall_test.hpp"

namespace nsupcall::test {

/// Requests go to a helper that remembers sessions in a folder of this test, and logs into a socket of it.
class SessionTest : public UpcallTest {
  protected:
    void SetUp() override {
        UpcallTest::SetUp();
        folder_.emplace(must(TempDir::create()));
        log_path_ = folder_->path() / "log";
        log_ = nsutil::UniqueFd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
        ASSERT_TRUE(log_);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        ASSERT_LT(log_path_.string().size(), sizeof address.sun_path);
        std::strcpy(address.sun_path, log_path_.c_str());
        ASSERT_EQ(0, ::bind(log_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        remember_in(folder_->path() / "run" / "sessions");
    }

    void TearDown() override {
        rule_.reset();
        UpcallTest::TearDown();
    }

    /// Sends the requests of this test to a helper that keeps its records there.
    void remember_in(const std::filesystem::path& records, const std::vector<std::string>& options = {}) {
        records_ = records;
        std::vector<std::string> arguments = {log_path_.string(), "syslog", NSUPCALL_HELPER_PATH,
                                              "--test-type=cifs.spnego", "--session-dir=" + records.string()};
        arguments.insert(arguments.end(), options.begin(), options.end());
        arguments.emplace_back("%k");
        rule_.reset();
        // More specific than the fixture's own rule.
        rule_ = must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.*",
                                           .program = NSUPCALL_PRIVATE_LOG_PATH,
                                           .arguments = std::move(arguments)}));
    }

    [[nodiscard]] const std::filesystem::path& records() const { return records_; }
    [[nodiscard]] const std::filesystem::path& folder() const { return folder_->path(); }

    [[nodiscard]] std::vector<std::filesystem::path> record_files() const {
        std::vector<std::filesystem::path> files;
        std::error_code absent;
        for (const auto& entry : std::filesystem::directory_iterator(records_, absent))
            files.push_back(entry.path());
        return files;
    }

    /// A thread of the kernel, as the CIFS client's workers are.
    static pid_t kernel_thread() {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const pid_t tid = std::atoi(entry.path().filename().c_str());
            const auto task = nsutil::Task::open(tid);
            const auto stat = task ? task->stat() : nsutil::fail(ESRCH, "");
            if (stat && stat->is_kernel_thread()) return tid;
        }
        throw std::runtime_error("no kernel thread is to be seen in /proc");
    }

    /// What the kernel asks when a process mounts or uses a mount.
    [[nodiscard]] UpcallFields use(const Container& container, std::uint32_t host_uid,
                                   const std::string& user = "root") const {
        auto fields = fields_for(container.tid(), host_uid);
        fields.user = user;
        return fields;
    }

    /// What it asks when the connection of that session has to be made again.
    [[nodiscard]] UpcallFields reconnect(std::uint32_t host_uid, const std::string& user = "root") const {
        auto fields = fields_for(kernel_thread(), host_uid);
        fields.user = user;
        return fields;
    }

    /// What was logged since the last call, in one text.
    [[nodiscard]] std::string logged() {
        std::string all;
        constexpr int kPatienceMs = 200;
        for (;;) {
            pollfd waiting{log_.get(), POLLIN, 0};
            if (::poll(&waiting, 1, kPatienceMs) <= 0) return all;
            char text[65536];
            const ssize_t size = ::recv(log_.get(), text, sizeof text, 0);
            if (size > 0) all += std::string(text, static_cast<std::size_t>(size)) + "\n";
        }
    }

  private:
    std::optional<TempDir> folder_;
    std::filesystem::path records_, log_path_;
    nsutil::UniqueFd log_;
    std::optional<RequestRule> rule_;
};

}  // namespace nsupcall::test
