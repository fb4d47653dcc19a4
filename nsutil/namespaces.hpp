#pragma once
/// @file
/// The namespaces of a task: identity, comparison, and entering them. The only file that calls setns(2).

#include <sys/types.h>

#include <array>
#include <cstdint>

#include "nsutil/id_map.hpp"
#include "nsutil/result.hpp"
#include "nsutil/task.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsutil {

enum class NamespaceKind : std::uint8_t { mount, net, user, pid };
inline constexpr std::size_t kNamespaceKinds = 4;

/// "mnt", "net", "user" or "pid": the name below /proc/<tid>/ns/.
[[nodiscard]] const char* namespace_name(NamespaceKind kind);

/// What tells one namespace from every other one that is alive (namespaces(7)). A number may be used
/// again after the namespace has ended.
struct NamespaceId {
    dev_t device = 0;
    ino_t inode = 0;
    friend bool operator==(const NamespaceId&, const NamespaceId&) = default;
};

/// A number that the kernel gives to one namespace only, for as long as it runs.
/// @param namespace_fd  of a file below /proc/<tid>/ns/
/// @return 0 where this kernel gives none (mount namespaces: since 6.11; the other kinds: since 6.18)
/// @source Linux include/uapi/linux/nsfs.h (NS_GET_ID, NS_GET_MNTNS_ID)
[[nodiscard]] std::uint64_t namespace_serial(int namespace_fd);

/// The identities of one task's namespaces and of its root directory.
struct NamespaceView {
    std::array<NamespaceId, kNamespaceKinds> ids;
    dev_t root_device = 0;
    ino_t root_inode = 0;

    [[nodiscard]] const NamespaceId& of(NamespaceKind kind) const {
        return ids[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] bool same(NamespaceKind kind, const NamespaceView& other) const {
        return of(kind) == other.of(kind);
    }
    [[nodiscard]] bool same_root(const NamespaceView& other) const {
        return root_device == other.root_device && root_inode == other.root_inode;
    }
    friend bool operator==(const NamespaceView&, const NamespaceView&) = default;

    /// That of the calling process.
    [[nodiscard]] static Result<NamespaceView> own();
    /// That of a task. @errors ESRCH the task is gone; EACCES not permitted to look
    [[nodiscard]] static Result<NamespaceView> of_task(const Task& task);
};

/// Everything that is needed to step into a task's namespaces, opened at one moment and verified to
/// belong together.
///
/// Only what differs from the caller's own is opened, and only that is entered. The caller's own user
/// namespace in particular is never joined: setns(2) into it would *grant* every capability again.
class NamespaceSet {
  public:
    /// @param own  NamespaceView::own() of the caller
    /// @errors ESRCH the task is gone, or it changed its namespaces, its root or its id map while it
    ///         was looked at; EACCES
    [[nodiscard]] static Result<NamespaceSet> open(const Task& task, const NamespaceView& own);

    /// The caller's own namespaces: nothing to enter, ids are the same on both sides.
    [[nodiscard]] static NamespaceSet none(const NamespaceView& own);

    /// What another process needs to enter the same: its descriptors, borrowed, -1 where nothing is entered.
    struct Handles {
        int mount = -1, net = -1, user = -1, root = -1;
    };
    [[nodiscard]] Handles handles() const;

    /// From the handles of a set that a process with the same own namespaces opened. It can be entered;
    /// view() and uid_map() say nothing.
    [[nodiscard]] static NamespaceSet adopt(UniqueFd mount, UniqueFd net, UniqueFd user, UniqueFd root);

    [[nodiscard]] const NamespaceView& view() const noexcept { return view_; }
    [[nodiscard]] const IdMap& uid_map() const noexcept { return uid_map_; }
    [[nodiscard]] bool enters(NamespaceKind kind) const { return static_cast<bool>(fd(kind)); }
    /// namespace_serial() of one that is entered; 0 for the caller's own.
    [[nodiscard]] std::uint64_t serial(NamespaceKind kind) const {
        return enters(kind) ? namespace_serial(fd(kind).get()) : 0;
    }
    [[nodiscard]] bool enters_root() const { return static_cast<bool>(root_); }

    /// Enters the mount and network namespaces, then the task's root directory. System calls only.
    ///
    /// Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT in the caller's user namespace, which is why it comes
    /// before enter_user(). The working directory is the task's root afterwards.
    /// @return 0, or the errno of the call that failed; the caller is then in between and must exit
    /// @param with_net  false: the caller's own network is kept
    [[nodiscard]] int enter_mount_and_net(bool with_net = true) const;

    /// Enters the user namespace where it is not the caller's own. System calls only.
    /// Afterwards the caller holds every capability *in that namespace*: drop them at once.
    [[nodiscard]] int enter_user() const;

  private:
    [[nodiscard]] int enter_root() const;
    [[nodiscard]] const UniqueFd& fd(NamespaceKind kind) const {
        return fds_[static_cast<std::size_t>(kind)];
    }

    NamespaceView view_;
    std::array<UniqueFd, kNamespaceKinds> fds_;
    UniqueFd root_;
    mutable bool root_pending_ =
        false;  ///< the root directory can be entered from within the user namespace only
    IdMap uid_map_ = IdMap::identity();
};

/// Makes the folder the calling process's root directory and its working directory. System calls only.
/// @return 0, or an errno
[[nodiscard]] int change_root(int folder_fd);

}  // namespace nsutil
