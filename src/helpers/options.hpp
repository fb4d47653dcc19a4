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
#include "nsutil/result.hpp"
#include "privsep/logon_upcall.hpp"
#include "privsep/spnego_upcall.hpp"
#include "request/call_type.hpp"

namespace nsupcall {

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
    std::optional<std::chrono::milliseconds> deadline;  ///< --deadline: for tests that wait for it
    CallType call = CallType::key;
    std::string argument;  ///< what a call by hand asks about; also the text of a key id
    KeySerial key = 0;     ///< 0 where `argument` cannot be a key id

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
