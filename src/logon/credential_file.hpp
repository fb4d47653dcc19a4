#pragma once
/// @file
/// A user's name and password for NTLM, from a file of his own.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "nsutil/result.hpp"
#include "nsutil/secret_bytes.hpp"

namespace nsupcall {

/// What a credentials file holds. Error texts about it quote nothing of it.
struct LogonCredential {
    static constexpr std::size_t kUserLimit = 255;      ///< bytes; CIFS_MAX_USERNAME_LEN less the NUL
    static constexpr std::size_t kPasswordLimit = 512;  ///< bytes; CIFS_MAX_PASSWORD_LEN
    static constexpr std::size_t kDomainLimit = 255;    ///< bytes
    static constexpr std::size_t kFileLimit = 4096;     ///< bytes of one file

    std::string user;
    std::string domain;  ///< empty where the file names none: it fits every domain
    nsutil::SecretBytes password;

    /// Reads a file in mount.cifs' format (lines `username=`, `password=`, `domain=`), or a folder with files
    /// of these names, as Kubernetes mounts secrets (one line end at the end of each is no part of it).
    ///
    /// Each file must be a regular one that belongs to `uid` and is open to nobody else, or to the
    /// namespace's root and not open to others: a secret volume belongs to root and the pod's group.
    /// @param path  as this process sees it now
    /// @errors ENOENT nothing is there; EACCES the wrong owner, mode or kind, or unreadable; EINVAL the
    ///         content is malformed, without a user or a password, or past a limit
    [[nodiscard]] static nsutil::Result<LogonCredential> read(const std::string& path, std::uint32_t uid);

    /// Parses the text of a file; see read(). @errors EINVAL
    [[nodiscard]] static nsutil::Result<LogonCredential> parse(std::string_view text);

    /// The payload of the `logon` key: "user:password".
    [[nodiscard]] nsutil::SecretBytes payload() const;
};

}  // namespace nsupcall
