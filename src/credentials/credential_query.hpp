#pragma once
/// @file
/// What the locator has to go by.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/secret_bytes.hpp"
#include "rules/settings.hpp"

namespace nsupcall {

/// Names that a requester's environment gives. Nothing where it does not count or does not have them.
struct RequesterEnvironment {
    std::optional<std::string> ccache;         ///< KRB5CCNAME
    std::optional<std::string> client_keytab;  ///< KRB5_CLIENT_KTNAME
    std::optional<std::string> keytab;         ///< KRB5_KTNAME
    bool wants_gssproxy = false;               ///< GSS_USE_PROXY says yes
    std::string note;                          ///< why it was not considered; empty where it was
};

/// Keeps what a file of the host held in the memory of this process; with the last of these it is gone.
using HostCopy = std::shared_ptr<const void>;

/// A ccache of the host, copied into a MEMORY ccache of this process.
struct HostCcache {
    std::string path;    ///< where it was on the host
    std::string memory;  ///< "MEMORY:..."; empty where it could not be read
    std::string problem;
    HostCopy copy = nullptr;
};

/// Everything is as seen inside the namespaces, unless it says otherwise.
struct CredentialQuery {
    std::string host;     ///< server name, lower case
    std::string address;  ///< textual address of the server, for trust_dns
    std::string user;  ///< username= of the mount: a bare name is a preference (mounts by root send "root"),
                       ///< one with a realm is a condition; empty for none
    std::uint32_t inside_uid = 0, host_uid = 0;
    std::string container;  ///< container id, empty for none
    RequesterEnvironment environment;
    std::string session_ccache;  ///< the ccache that served this session before; empty for none
    std::string host_keytab;     ///< a MEMORY keytab filled from the file of -K; empty for none
    std::string rule_keytab;     ///< the same from the rule's file
    std::vector<HostCcache> host_ccaches;
    nsutil::SecretBytes
        kept_tickets;        ///< of a former request from the same place; not trusted; empty for none
    bool trust_dns = false;  ///< try the address' reverse name where the KDC does not know `host`
    Settings settings;
};

}  // namespace nsupcall
