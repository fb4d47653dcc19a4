#pragma once
/// @file
/// Credentials from a keytab.

#include <krb5.h>

#include <string>

#include "credentials/credential_query.hpp"
#include "credentials/krb5_handles.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// Reads a keytab file of the host into the MEMORY keytab `memory_name` of this process, which a forked
/// worker inherits without the file ever being visible in its namespaces. For the broker, before the
/// boundary.
/// @param memory_name  "MEMORY:..."; one per file
/// @errors ENOKEY absent or empty; EACCES; EINVAL not a keytab
[[nodiscard]] nsutil::Result<HostCopy> load_host_keytab(const std::string& path,
                                                        const std::string& memory_name);

/// Copies a FILE ccache of the host into the MEMORY ccache `memory_name` of this process, in the same way.
/// @pre the file is the administrator's: libkrb5 reads it with the host's view
/// @errors as key_errno_of() has them
[[nodiscard]] nsutil::Result<HostCopy> load_host_ccache(const std::string& path,
                                                        const std::string& memory_name);

/// One keytab, and for whom it may be used. The first of these that has a key in it counts.
struct KeytabPlan {
    std::string source;     ///< for the trace
    std::string name;       ///< as libkrb5 takes it
    std::string user;       ///< principal, or its name alone (of the default realm, else of any); or empty
    std::string principal;  ///< the rule's; or empty
    bool first_entry = false;
};

/// For whom the keytab would be used: "name@REALM". Asks no KDC.
/// @errors as those of credentials_from_keytab(), but for a KDC's
[[nodiscard]] nsutil::Result<std::string> principal_in_keytab(krb5_context context, const KeytabPlan& plan);

/// Gets a TGT with a key of the keytab into a new MEMORY ccache.
/// @errors as key_errno_of() has them; ENOKEY no key in it for anybody who is wanted
[[nodiscard]] nsutil::Result<Ccache> credentials_from_keytab(krb5_context context, const KeytabPlan& plan);

}  // namespace nsupcall
