#pragma once
/// @file
/// Credentials from a keytab.

#include <krb5.h>

#include <string>

#include "credentials/krb5_handles.hpp"
#include "nsutil/result.hpp"

namespace nsupcall {

/// Reads a keytab file of the host into a MEMORY keytab of this process, which a forked worker inherits
/// without the file ever being visible in its namespaces. For the broker, before the boundary.
/// @return the name of the MEMORY keytab
/// @errors ENOKEY absent or empty; EACCES; EINVAL not a keytab
[[nodiscard]] nsutil::Result<std::string> load_host_keytab(const std::string& path);

/// Gets a TGT with a key of `keytab` into a new MEMORY ccache.
/// @param user  principal, or its name alone; empty: the keytab's first entry
/// @errors as key_errno_of() has them
[[nodiscard]] nsutil::Result<Ccache> credentials_from_keytab(krb5_context context, const std::string& keytab,
                                                             const std::string& user);

}  // namespace nsupcall
