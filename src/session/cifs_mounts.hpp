#pragma once
/// @file
/// The cifs mounts of a mount table, and which of them a session may belong to.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/result.hpp"
#include "session/session_record.hpp"

namespace nsupcall {

/// One mount of type cifs or smb3, as /proc/<tid>/mountinfo shows it.
struct CifsMount {
    std::string host;                    ///< of the source ("//host/share"), as written there
    std::string address;                 ///< addr=, normalised; empty where there is none
    std::string user;                    ///< username=; the kernel leaves it out of multiuser mounts
    std::optional<std::uint32_t> cruid;  ///< the user whose credentials it was made with; only with sec=krb5
    bool multiuser = false;              ///< each user has a session of their own
    friend bool operator==(const CifsMount&, const CifsMount&) = default;
};

inline constexpr std::size_t kMountinfoLimit = 16 * 1024 * 1024;  ///< bytes; 100,000 mounts fit

/// Whether it is worth while to parse the text of a mountinfo file: most mount tables hold no cifs mount.
[[nodiscard]] bool may_hold_cifs(std::string_view mountinfo);

/// Whether it is worth while to read the process' mountinfo file. Its mountstats file names the types of all
/// its mounts, and costs the kernel half as much.
/// @param proc_fd  of /proc
/// @errors ESRCH it has ended, or there is no mount below its root; EFBIG there are more mounts than
/// kMountinfoLimit
///         bytes can tell; others of opening and reading the file
/// @source Linux fs/proc_namespace.c (mounts_open_common, show_vfsstat, show_mountinfo)
[[nodiscard]] nsutil::Result<bool> may_see_cifs(int proc_fd, pid_t tgid);

/// The text of the process' mountinfo file.
/// @errors as of may_see_cifs()
[[nodiscard]] nsutil::Result<std::string> read_mountinfo(int proc_fd, pid_t tgid);

/// The cifs mounts of the text of a mountinfo file, read by libmount. The library is loaded on the first
/// call: nearly every upcall does without.
/// @errors ENOSYS libmount cannot be loaded; EINVAL it cannot read the text
/// @source Linux fs/smb/client/cifsfs.c (cifs_show_options)
[[nodiscard]] nsutil::Result<std::vector<CifsMount>> parse_cifs_mounts(const std::string& mountinfo);

/// Whether the session may belong to the mount: same server (by name or by address), same user's credentials
/// or a multiuser mount, same username= where both say one.
[[nodiscard]] bool may_belong(const SessionKey& key, const CifsMount& mount);

}  // namespace nsupcall
