#pragma once
/// @file
/// Containers from bare namespaces, each holding one process: the one that the kernel asks for.
///
/// Everything is made by clone(2) and a few mounts, so that each kind of namespace can be had alone. All ids
/// of files and of the process are ids *inside* the container's user namespace.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "nsutil/result.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall::test {

/// One line of /proc/<pid>/uid_map, as the kernel's documentation calls its columns.
struct IdLine {
    std::uint32_t inside = 0;
    std::uint32_t outside = 0;  ///< in the ids of the parent user namespace
    std::uint32_t count = 1;
};

struct UserNamespaceSpec {
    std::vector<IdLine> uids;
    std::vector<IdLine> gids;

    /// The same lines for users and groups.
    static UserNamespaceSpec same(std::vector<IdLine> lines) { return {lines, lines}; }
};

/// A file to put into the container; folders on the way are made (mode 0755, owned as the file).
struct ContainerFile {
    std::string path;
    std::string content{};
    mode_t mode = 0644;
    std::optional<std::uint32_t>
        uid{};  ///< nothing: whom the container's maker is there, the first mapped id
    std::optional<std::uint32_t> gid{};
    bool read_only_mount = false;  ///< bind-mounted onto itself read-only
};

enum class RootKind : std::uint8_t {
    host_tree,  ///< the host's files, with an empty tmpfs of its own on /tmp and files bind-mounted over
                ///< others
    scratch,    ///< a tmpfs with nothing but /etc /tmp /run /var/tmp /dev /proc, entered by pivot_root
};

/// Which task of the container's process is the requester.
enum class TaskKind : std::uint8_t {
    leader,
    thread,               ///< a second thread of the process
    thread_own_mounts,    ///< a second thread, which left the leader's mount namespace: its /tmp is another
                          ///< tmpfs
    thread_leader_exited  ///< a second thread whose leader has ended (a zombie that keeps the process id)
};

struct ContainerSpec {
    bool mount_namespace = true;
    bool pid_namespace = false;
    bool net_namespace = false;                      ///< its loopback device is brought up
    std::optional<UserNamespaceSpec> user{};         ///< a user namespace
    std::optional<UserNamespaceSpec> nested_user{};  ///< one more inside `user`, where all else is made
    RootKind root = RootKind::host_tree;
    std::vector<ContainerFile> files{};  ///< only with a mount namespace; "/etc/krb5.conf" is bind-mounted
    std::string chroot_to{};             ///< folder that the process chroots into; files are put in before
    std::uint32_t uid = 0;
    std::uint32_t gid = 0;
    std::vector<std::uint32_t> groups{};
    std::vector<std::string> environment{};  ///< of the process, as /proc/<pid>/environ shows it
    TaskKind task = TaskKind::leader;
};

/// A running container. Its process (and with it all namespaces) ends with this object or with the test.
class Container {
  public:
    [[nodiscard]] static nsutil::Result<Container> start(const ContainerSpec& spec);
    Container(Container&& other) noexcept { *this = std::move(other); }
    Container& operator=(Container&& other) noexcept;
    Container(const Container&) = delete;
    Container& operator=(const Container&) = delete;
    ~Container() { stop(); }

    /// The process, in the initial pid namespace.
    [[nodiscard]] pid_t pid() const { return pid_; }
    /// The requester: equal to pid() for TaskKind::leader.
    [[nodiscard]] pid_t tid() const { return tid_; }
    /// Its network namespace, borrowed.
    [[nodiscard]] int netns_fd() const { return netns_.get(); }

    /// Runs `body` in a child of the caller that entered the namespaces (all but pid) and the root directory
    /// of the requester with the given ids and no capabilities but those that uid 0 has there.
    /// @return the value of `body`, 0 to 255
    [[nodiscard]] nsutil::Result<int> run(const std::function<int()>& body, std::uint32_t uid,
                                          std::uint32_t gid) const;
    /// Puts a file in after the start, owned by the requester where it names no owner (read_only_mount is not
    /// possible then).
    [[nodiscard]] nsutil::Result<void> add_file(const ContainerFile& file) const;

    /// Kills the process and waits until it is gone.
    void stop();

  private:
    Container() = default;
    [[nodiscard]] nsutil::Result<void> await_ready();

    pid_t child_ = -1;  ///< what to reap: the process, or the keeper of the outer namespace
    pid_t pid_ = -1;
    pid_t tid_ = -1;
    nsutil::UniqueFd pidfd_;
    nsutil::UniqueFd control_;
    nsutil::UniqueFd netns_;
    std::uint32_t uid_ = 0;  ///< of the requester, inside
    std::uint32_t gid_ = 0;
    bool has_user_ = false;
    bool has_mount_ = false;
};

}  // namespace nsupcall::test
