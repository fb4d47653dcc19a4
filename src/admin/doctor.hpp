#pragma once
/// @file
/// The examinations of nsupcall doctor. Each looks at one thing, changes nothing, and says what to do.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "admin/node_root.hpp"

namespace nsupcall::admin {

/// How an examination ended. Names in text: check_status_name().
enum class CheckStatus : std::uint8_t {
    ok,
    unknown,  ///< it could not be seen, e.g. for want of privileges
    warning,  ///< upcalls are answered; something is not as it should be
    failure,  ///< upcalls are not answered, or not by nsupcall
};
[[nodiscard]] const char* check_status_name(CheckStatus status);

/// One line of the report. Texts may hold what others wrote: escape before showing.
struct Check {
    std::string id;  ///< "request-key"; several may share one
    CheckStatus status = CheckStatus::ok;
    std::string text;  ///< what was found
    std::string fix;   ///< what to do; empty where nothing is to be done
};
using Checks = std::vector<Check>;

/// What is examined.
struct Patient {
    const NodeRoot& root;
    bool running = true;  ///< the running system, not one below another folder
};

/// /sbin/request-key, and whether this kernel runs it.
[[nodiscard]] Checks examine_request_key(const Patient& patient);
/// Whether upcalls come to nsupcall's helpers by request-key's configuration.
[[nodiscard]] Checks examine_rules(const Patient& patient);
/// Whether the helpers that the rules name start, and belong to root alone.
[[nodiscard]] Checks examine_helpers(const Patient& patient);

/// cifs.ko and the way to it; whether the kernel refuses forged requests, or the rules make up for it.
[[nodiscard]] Checks examine_cifs(const Patient& patient);
/// User namespaces: whether rootless containers can be at all.
[[nodiscard]] Checks examine_user_namespaces(const Patient& patient);
/// The quota of keys, and who is near its end.
[[nodiscard]] Checks examine_key_quota(const Patient& patient);

/// krb5.conf and its default realm.
[[nodiscard]] Checks examine_krb5_conf(const Patient& patient);
/// Whether the default realm's KDC answers, and what it says of the time. Asks it for a principal that is not
/// there ("nsupcall-doctor"), and waits for `seconds` at most.
[[nodiscard]] Checks examine_kdc(const Patient& patient, int seconds = 10);

/// nsupcall.conf(5).
[[nodiscard]] Checks examine_config(const Patient& patient);
/// /run/nsupcall, where sessions and the history are kept.
[[nodiscard]] Checks examine_state_folder(const Patient& patient);

/// One upcall through the running kernel, for a user without credentials, by a rule for a host name of its
/// own, which is there for the moment of the upcall only. Needs root; puts one file into
/// /etc/request-key.d and takes it away however this process ends.
[[nodiscard]] Checks examine_by_upcall(const Patient& patient);

/// The program that request-key would run for cifs.spnego where it is ours; else empty.
[[nodiscard]] std::string our_upcall_program(const NodeRoot& root);

}  // namespace nsupcall::admin
