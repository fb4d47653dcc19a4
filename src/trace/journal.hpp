#pragma once
/// @file
/// One log record, to the journal with its fields, else to syslog.

#include <string>
#include <string_view>
#include <vector>

namespace nsupcall {

/// Severities as syslog(3) numbers them.
enum class Severity : int { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };

/// A journal field. Names are upper case letters, digits and '_' (systemd.journal-fields(7)).
struct LogField {
    std::string name, value;
};

/// Where records go. Both are datagram sockets, written to without ever waiting: a full or hung logger
/// costs the record, not the upcall.
struct LogSockets {
    std::string journal = "/run/systemd/journal/socket";
    std::string syslog = "/dev/log";
};

/// Sends one record under the identifier `program`.
/// @return true where one of the two took it
bool log_record(Severity severity, std::string_view program, std::string_view message,
                const std::vector<LogField>& fields, const LogSockets& sockets = {});

}  // namespace nsupcall
