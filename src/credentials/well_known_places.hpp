#pragma once
/// @file
/// Files that other programs are known to leave credentials in.

#include <cstdint>
#include <string>
#include <vector>

namespace nsupcall {

/// Directory that csi-driver-smb keeps ccaches in: a file a volume, named by the base64 of the volume's id,
/// and krb5cc_<cruid>, a link to the one that was mounted last.
inline constexpr const char* kCsiDirectory = "/var/lib/kubelet/kerberos";

inline constexpr unsigned kEntriesMost = 8192;  ///< of a directory that are looked at
inline constexpr unsigned kFilesMost = 64;      ///< that are returned

/// Paths of the files in `directory` whose names match the glob `pattern`, sorted. Opens nothing but the
/// directory; links are not followed. A directory that cannot be read holds none.
[[nodiscard]] std::vector<std::string> files_matching(const std::string& directory,
                                                      const std::string& pattern);

/// The regular files in `directory` that belong to `inside_uid`, each once, the target of `krb5cc_<uid>`
/// first.
[[nodiscard]] std::vector<std::string> files_owned_in(const std::string& directory, std::uint32_t inside_uid);

}  // namespace nsupcall
