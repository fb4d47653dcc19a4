#pragma once
/// @file
/// The command line of cifs.upcall.

#include <chrono>
#include <optional>
#include <span>
#include <string>

#include "keys/key_service.hpp"
#include "nsutil/result.hpp"
#include "privsep/spnego_upcall.hpp"

namespace nsupcall {

/// `cifs.upcall [options] <keyid>`, with the options of cifs-utils' helper and our own.
struct HelperOptions {
    SpnegoOptions spnego;
    unsigned expire_seconds = 600;  ///< -e: life of a dns_resolver answer
    bool debug = false;             ///< -d
    bool krb5_only = false;         ///< --krb5
    bool show_help = false, show_version = false;
    std::optional<KeySerial> thread_keyring;  ///< --thread-keyring, request-key's %T
    std::string test_type;                    ///< --test-type: treat a `user` key as one of this type
    std::optional<std::chrono::milliseconds> deadline;  ///< --deadline: for tests that wait for it
    KeySerial key = 0;

    /// @param key  set as soon as the last argument is a key id, so that a wrong command line can still
    ///             be answered on the key
    /// @errors EINVAL with what is wrong
    [[nodiscard]] static nsutil::Result<HelperOptions> parse(int argc, char** argv, KeySerial& key);
};

/// What -h prints.
[[nodiscard]] const char* helper_usage();

}  // namespace nsupcall
