#pragma once
/// @file
/// Mount tables of tasks, read with libmount. A library target of its own (nsutil_mounts), so that who does
/// not need them does not load libmount.

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "nsutil/mount_options.hpp"
#include "nsutil/result.hpp"
#include "nsutil/task.hpp"

namespace nsutil {

/// One line of /proc/<tid>/mountinfo, with the kernel's octal escapes undone.
struct Mount {
    int id = 0, parent_id = 0;
    dev_t device = 0;
    std::string type;                ///< "cifs", "ext4", "fuse.sshfs", ...
    std::string source;              ///< whoever mounted it chose this; "//host/share" for cifs
    boost::filesystem::path root;    ///< directory of the file system that is mounted
    boost::filesystem::path target;  ///< where, as seen from the task's root directory
    MountOptions options;            ///< of the file system

    /// The value of the first option of this name; empty where it has none; nothing where it is absent.
    [[nodiscard]] std::optional<std::string_view> option(std::string_view name) const {
        return options.find(name);
    }

    /// An SMB mount of the kernel's client: type "cifs" or "smb3".
    [[nodiscard]] bool is_smb() const { return type == "cifs" || type == "smb3"; }

    /// The server of an SMB mount. Kernels before 3.8 show it in `unc=` where the source is a name of the
    /// administrator's own.
    [[nodiscard]] std::string_view smb_host() const { return smb_host_of(option("unc").value_or(source)); }
};

/// A server as a request names it.
struct SmbServer {
    std::string host;     ///< compared without regard to the case of letters; empty: the address alone counts
    std::string address;  ///< textual IPv4 or IPv6 address, in any spelling; empty: the host alone counts
};

/// All mounts that one task sees.
///
/// Sources, paths and option values may be chosen by a container. They cannot turn into other fields: the
/// kernel escapes blanks, and the commas within an option's value, which libmount alone would take for the
/// beginning of the next option.
/// @source Linux Documentation/filesystems/proc.rst (3.5), fs/proc_namespace.c (show_mountinfo),
///         include/linux/seq_file.h (seq_show_option), fs/smb/client/cifsfs.c (cifs_show_options)
class MountTable {
  public:
    static constexpr std::size_t kTextLimit = 16UL * 1024 * 1024;  ///< bytes
    static constexpr std::size_t kMountsMost = 100'000;            ///< default of fs.mount-max

    /// Parses the text of a mountinfo file.
    /// @errors EINVAL a line that is none of mountinfo; EFBIG past a limit; ENOMEM
    [[nodiscard]] static Result<MountTable> parse(std::string_view text);

    /// Reads that of a task: the mounts that its root directory reaches.
    /// @errors ESRCH the task is gone; those of parse()
    [[nodiscard]] static Result<MountTable> of_task(const Task& task);

    [[nodiscard]] const std::vector<Mount>& mounts() const noexcept { return mounts_; }

    /// SMB mounts of a server, by the host of their source or by their `addr=` option, in the table's order.
    [[nodiscard]] std::vector<const Mount*> smb_mounts_of(const SmbServer& server) const;

  private:
    std::vector<Mount> mounts_;
};

}  // namespace nsutil
