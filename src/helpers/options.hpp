#pragma once
/// @file
/// The command line of cifs.upcall.

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "helpers/chronicle.hpp"
#include "idmap/chain.hpp"
#include "keys/key_service.hpp"
#include "keys/usual_deadline.hpp"
#include "nsutil/result.hpp"
#include "privsep/logon_upcall.hpp"
#include "privsep/spnego_upcall.hpp"
#include "request/call_type.hpp"

namespace nsupcall {

inline constexpr std::chrono::milliseconds kUsualDeadline{kUsualDeadlineMs};

/// When a front end began, by what it says.
/// @param nanoseconds  of CLOCK_MONOTONIC
/// @return nothing where it is in the future, or two minutes ago and more
[[nodiscard]] std::optional<std::chrono::steady_clock::time_point> beginning(std::uint64_t nanoseconds);

/// `cifs.upcall [options] [<call_type>] <keyid | argument>`, with the options of cifs-utils' helper and our
/// own.
struct HelperOptions {
    SpnegoOptions spnego;
    IdmapOptions idmap;
    LogonOptions logon;
    Chronicle chronicle;            ///< --history-dir: where answered requests are told of
    unsigned expire_seconds = 600;  ///< -e: life of an answer about a host name, an id or a password
    bool json = false;              ///< --json
    bool debug = false;             ///< -d
    bool krb5_only = false;         ///< --krb5
    bool show_help = false, show_version = false;
    std::optional<KeySerial> thread_keyring;  ///< --thread-keyring, request-key's %T
    std::string test_type;                    ///< --test-type: treat a `user` key as one of this type
    bool test_origin = false;                 ///< --test-origin: and check its origin as for that type
    std::optional<std::chrono::milliseconds> deadline;           ///< --deadline: for tests that wait for it
    std::optional<std::chrono::steady_clock::time_point> began;  ///< --started: by the front end, before us
    CallType call = CallType::key;
    std::string argument;  ///< what a call by hand asks about; also the text of a key id
    KeySerial key = 0;     ///< 0 where `argument` cannot be a key id

    /// The deadline of a request that came at `start`.
    [[nodiscard]] nsutil::Deadline deadline_from(std::chrono::steady_clock::time_point start) const {
        return nsutil::Deadline::at(start + deadline.value_or(kUsualDeadline));
    }

    /// The key types that --test-type takes.
    [[nodiscard]] static bool serves(std::string_view key_type);

    /// @param key  set as soon as the last argument is a key id, so that a wrong command line can still
    ///             be answered on the key
    /// @errors EINVAL with what is wrong
    [[nodiscard]] static nsutil::Result<HelperOptions> parse(int argc, char** argv, KeySerial& key);
};

/// What -h prints.
[[nodiscard]] const char* helper_usage();

}  // namespace nsupcall
