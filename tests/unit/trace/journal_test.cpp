#include "trace/journal.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>

#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

/// Two datagram sockets in a folder of their own, as the journal and syslog have them.
class Journal : public testing::Test {
  protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "nsupcall-journal-XXXXXX";
        ASSERT_NE(nullptr, ::mkdtemp(name.data()));
        folder_ = name;
        sockets_ = {folder_ / "journal", folder_ / "syslog"};
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    static nsutil::UniqueFd bind(const std::string& path) {
        nsutil::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address = {};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.data(), path.size());
        EXPECT_EQ(0, ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address));
        return fd;
    }
    static std::string receive(const nsutil::UniqueFd& fd) {
        std::string text(65536, '\0');
        const ssize_t got = ::recv(fd.get(), text.data(), text.size(), 0);
        text.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
        return text;
    }

    std::filesystem::path folder_;
    LogSockets sockets_;
};

TEST_F(Journal, TakesFieldsAsTheyAre) {
    const auto journal = bind(sockets_.journal), syslog = bind(sockets_.syslog);
    EXPECT_TRUE(
        log_record(Severity::warning, "cifs.upcall", "no ticket", {{"NSUPCALL_ERRNO", "ENOKEY"}}, sockets_));
    EXPECT_EQ(
        "MESSAGE=no ticket\nPRIORITY=4\nSYSLOG_IDENTIFIER=cifs.upcall\nSYSLOG_FACILITY=10\nSYSLOG_PID=" +
            std::to_string(::getpid()) + "\nNSUPCALL_ERRNO=ENOKEY\n",
        receive(journal));
    EXPECT_EQ("", receive(syslog));
}

TEST_F(Journal, LineEndInAValue_ForgesNoField) {
    const auto journal = bind(sockets_.journal);
    EXPECT_TRUE(log_record(Severity::info, "p", "m", {{"X", "a\nPRIORITY=0"}}, sockets_));
    using namespace std::string_literals;
    const auto record = receive(journal);
    EXPECT_TRUE(record.ends_with("X\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n"s));
}

TEST_F(Journal, WithoutJournal_SyslogGetsTheMessage) {
    const auto syslog = bind(sockets_.syslog);
    EXPECT_TRUE(log_record(Severity::error, "cifs.upcall", "no ticket", {{"X", "y"}}, sockets_));
    EXPECT_EQ("<83>cifs.upcall[" + std::to_string(::getpid()) + "]: no ticket", receive(syslog));
}

TEST_F(Journal, NobodyThere_SaysSo) {
    EXPECT_FALSE(log_record(Severity::error, "p", "m", {}, sockets_));
}

TEST_F(Journal, PathTooLong_SaysSo) {
    EXPECT_FALSE(log_record(Severity::error, "p", "m", {}, {std::string(200, 'x'), std::string(108, 'y')}));
}

TEST_F(Journal, LoggerThatNeverReads_CostsNoTime) {
    const auto journal = bind(sockets_.journal), syslog = bind(sockets_.syslog);
    const auto begin = std::chrono::steady_clock::now();
    bool lost = false;
    for (int count = 0; count < 2000 && !lost; ++count)
        lost = !log_record(Severity::info, "p", std::string(1000, 'm'), {}, sockets_);
    EXPECT_TRUE(lost);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace nsupcall
