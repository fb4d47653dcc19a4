#pragma once
/// @file
/// The command line of cifs.idmap.

#include <chrono>
#include <optional>
#include <string>

#include "helpers/chronicle.hpp"
#include "idmap/chain.hpp"
#include "keys/key_service.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// `cifs.idmap [options] <keyid>`, with the options of cifs-utils' helper and our own.
struct IdmapHelperOptions {
    IdmapOptions idmap;
    Chronicle chronicle;             ///< --history-dir
    unsigned timeout_seconds = 600;  ///< -t: life of an answer
    bool show_help = false, show_version = false;
    std::optional<KeySerial> thread_keyring;            ///< --thread-keyring, request-key's %T
    bool test_type = false;                             ///< --test-type=cifs.idmap: takes a `user` key
    bool test_origin = false;                           ///< --test-origin: and checks its origin
    std::optional<std::chrono::milliseconds> deadline;  ///< --deadline
    KeySerial key = 0;

    /// @param key  set as soon as the last argument is a key id, so that a wrong command line can still
    ///             be answered on the key
    /// @errors EINVAL with what is wrong
    [[nodiscard]] static nsutil::Result<IdmapHelperOptions> parse(int argc, char** argv, KeySerial& key);
};

/// What -h prints.
[[nodiscard]] const char* idmap_usage();

}  // namespace nsupcall
