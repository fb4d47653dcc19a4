#include "trace/journal.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>

#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

bool send_datagram(const std::string& path, std::string_view text) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path.data(), path.size());
    const nsutil::UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) return false;
    return ::sendto(fd.get(), text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    reinterpret_cast<const sockaddr*>(&address), sizeof address) >= 0;
}

/// The journal's native protocol: NAME=value and a line end; a value with line ends goes behind its
/// length, 64 bits little-endian.
void append_field(std::string& record, std::string_view name, std::string_view value) {
    record += name;
    if (value.find('\n') == std::string_view::npos) {
        record += '=';
    } else {
        record += '\n';
        for (unsigned at = 0; at < sizeof(std::uint64_t); ++at)
            record += static_cast<char>((std::uint64_t{value.size()} >> (8 * at)) & 0xffU);
    }
    record += value;
    record += '\n';
}

}  // namespace

bool log_record(Severity severity, std::string_view program, std::string_view message,
                const std::vector<LogField>& fields, const LogSockets& sockets) {
    const auto priority = static_cast<int>(severity);
    std::string record;
    append_field(record, "MESSAGE", message);
    append_field(record, "PRIORITY", std::to_string(priority));
    append_field(record, "SYSLOG_IDENTIFIER", program);
    append_field(record, "SYSLOG_FACILITY", "10");
    append_field(record, "SYSLOG_PID", std::to_string(::getpid()));
    for (const auto& [name, value] : fields) append_field(record, name, value);
    if (send_datagram(sockets.journal, record)) return true;

    constexpr int kAuthPrivate = 10;  // LOG_AUTHPRIV
    std::string line = "<" + std::to_string(kAuthPrivate * 8 + priority) + ">";
    line += program;
    line += "[" + std::to_string(::getpid()) + "]: ";
    line += message;
    return send_datagram(sockets.syslog, line);
}

}  // namespace nsupcall
