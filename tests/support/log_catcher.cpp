#include "support/log_catcher.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "support/janitor.hpp"

namespace nsupcall::test {
namespace {
constexpr const char* kDevLog = "/dev/log";
}  // namespace

LogCatcher::LogCatcher() {
    struct stat info {};
    if (::lstat(kDevLog, &info) == 0 || ::access("/run/systemd/journal/socket", F_OK) == 0) return;
    nsutil::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, kDevLog);
    if (!socket || ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
        return;
    (void)remember_path(kDevLog);
    socket_ = std::move(socket);
}

LogCatcher::~LogCatcher() {
    if (!socket_) return;
    (void)::unlink(kDevLog);
    forget_path(kDevLog);
}

std::vector<std::string> LogCatcher::take(const std::string& word) {
    std::vector<std::string> records;
    char text[8192];
    for (;;) {
        const ssize_t size = socket_ ? ::recv(socket_.get(), text, sizeof text, 0) : -1;
        if (size < 0) return records;
        std::string record(text, static_cast<std::size_t>(size));
        if (record.find(word) != std::string::npos) records.push_back(std::move(record));
    }
}

}  // namespace nsupcall::test
