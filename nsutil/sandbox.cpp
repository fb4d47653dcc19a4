#include "nsutil/sandbox.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

namespace nsutil {
namespace {

// Rights and system calls that the headers of Debian 12 (Linux 6.1) do not name yet.
constexpr std::uint64_t kAccessFsTruncate = 1ULL << 14;        // ABI 3
constexpr std::uint64_t kAccessFsIoctlDev = 1ULL << 15;        // ABI 5
constexpr std::uint64_t kAccessNetBindTcp = 1ULL << 0;         // ABI 4
constexpr std::uint64_t kScopeAbstractUnixSocket = 1ULL << 0;  // ABI 6
constexpr std::uint64_t kScopeSignal = 1ULL << 1;              // ABI 6

/// struct landlock_ruleset_attr of ABI 6; older kernels take a shorter one.
struct RulesetAttributes {
    std::uint64_t access_fs, access_net, scoped;
};

constexpr std::uint64_t kReadRights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
// A ccache is written in place, created anew, renamed within its directory and removed.
constexpr std::uint64_t kCcacheRights =
    LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG;
constexpr std::uint64_t kAbi1Rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;

int add_rule(int ruleset, int dir_fd, std::uint64_t rights) {
    landlock_path_beneath_attr beneath = {rights, dir_fd};
    return ::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) == 0 ? 0
                                                                                                   : errno;
}

int limit(int resource, std::uint64_t value) {
    const auto which = static_cast<__rlimit_resource_t>(resource);
    rlimit both = {value, value};
    if (::setrlimit(which, &both) == 0) return 0;
    // Whoever started us has set a lower one, which is as good.
    rlimit present = {};
    if (errno != EPERM || ::getrlimit(which, &present) != 0) return errno;
    if (present.rlim_max >= value) return EPERM;
    both = {present.rlim_max, present.rlim_max};
    return ::setrlimit(which, &both) == 0 ? 0 : errno;
}

int close_range_or_each(unsigned first, unsigned last) {
    if (first > last) return 0;
    if (::syscall(SYS_close_range, first, last, 0) == 0) return 0;
    if (errno != ENOSYS) return errno;
    // Linux before 5.9: the descriptor limit of a helper is small, and it has opened few.
    rlimit files = {};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return errno;
    for (unsigned fd = first; fd <= last && fd < files.rlim_cur; ++fd) (void)::close(static_cast<int>(fd));
    return 0;
}

}  // namespace

int detach_standard_streams() {
    const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return errno;
    int error = 0;
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
        if (error == 0 && fd != null && ::dup2(null, fd) < 0) error = errno;
    if (null > STDERR_FILENO) (void)::close(null);
    return error;
}

int close_all_but(std::span<const int> keep) {
    constexpr int kLastStandard = 2;
    unsigned next = kLastStandard + 1;
    for (const int fd : keep) {
        if (fd <= kLastStandard) continue;
        if (const int error = close_range_or_each(next, static_cast<unsigned>(fd) - 1)) return error;
        next = static_cast<unsigned>(fd) + 1;
    }
    return close_range_or_each(next, ~0U);
}

int set_limits(const SandboxLimits& limits) {
    struct {
        int resource;
        std::uint64_t value;
    } const all[] = {{RLIMIT_CORE, 0},
                     {RLIMIT_NPROC, 0},
                     {RLIMIT_FSIZE, limits.file_bytes},
                     {RLIMIT_NOFILE, limits.open_files},
                     {RLIMIT_CPU, limits.cpu_seconds},
                     {RLIMIT_AS, limits.address_space_bytes}};
    for (const auto& [resource, value] : all) {
#ifdef NSUPCALL_SANITIZE
        if (resource == RLIMIT_AS) continue;  // the sanitizer's shadow alone takes terabytes
#endif
        if (const int error = limit(resource, value)) return error;
    }
    return 0;
}

int set_no_new_privs() {
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : errno;
}

int set_name(const char* name) {
    return ::prctl(PR_SET_NAME, name, 0, 0, 0) == 0 ? 0 : errno;
}

int bind_to_parent() {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return errno;
    return ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}

int restrict_files(int read_root_fd, std::span<const int> write_dir_fds) {
    const long abi = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 0) return errno;
    RulesetAttributes attributes = {kAbi1Rights, 0, 0};
    std::size_t size = sizeof attributes.access_fs;
    if (abi >= 2) attributes.access_fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3) attributes.access_fs |= kAccessFsTruncate;
    if (abi >= 4) {
        attributes.access_net = kAccessNetBindTcp;
        size = sizeof attributes.access_fs + sizeof attributes.access_net;
    }
    if (abi >= 5) attributes.access_fs |= kAccessFsIoctlDev;
    if (abi >= 6) {
        attributes.scoped = kScopeSignal | kScopeAbstractUnixSocket;
        size = sizeof attributes;
    }
    const int ruleset = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
    if (ruleset < 0) return errno;
    int error = add_rule(ruleset, read_root_fd, kReadRights);
    const std::uint64_t write_rights = kReadRights | kCcacheRights | (abi >= 3 ? kAccessFsTruncate : 0);
    for (const int dir : write_dir_fds)
        if (error == 0) error = add_rule(ruleset, dir, write_rights);
    if (error == 0 && ::syscall(SYS_landlock_restrict_self, ruleset, 0) != 0) error = errno;
    (void)::close(ruleset);
    return error;
}

int install_seccomp(std::span<const sock_filter> program) {
    sock_fprog fprog = {static_cast<unsigned short>(program.size()),
                        const_cast<sock_filter*>(program.data())};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &fprog) == 0 ? 0 : errno;
}

bool can_map_executable() {
    constexpr std::size_t kPage = 4096;
    void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page != MAP_FAILED) return true;
    page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return true;  // cannot be tried: as bad as possible
    const bool made_executable = ::mprotect(page, kPage, PROT_READ | PROT_EXEC) == 0;
    (void)::munmap(page, kPage);
    return made_executable;
}

}  // namespace nsutil
