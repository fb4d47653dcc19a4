#include "nsutil/credentials.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace nsutil {

int set_groups(gid_t gid, std::span<const gid_t> supplementary) {
    if (::setgroups(supplementary.size(), supplementary.data()) != 0) return errno;
    return ::setresgid(gid, gid, gid) == 0 ? 0 : errno;
}

int set_user(uid_t inside_uid) {
    return ::setresuid(inside_uid, inside_uid, inside_uid) == 0 ? 0 : errno;
}

int drop_bounding_set() {
    for (int capability = 0; capability < 64; ++capability)
        if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0)
            return errno == EINVAL ? 0 : errno;  // past the last one that this kernel knows
    return 0;
}

int drop_capabilities() {
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL) return errno;
    __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    return ::syscall(SYS_capset, &header, none) == 0 ? 0 : errno;
}

bool can_change_user() {
    // Any id but the present one proves it. Without capabilities only ids already held can be set.
    const uid_t now = ::getuid();
    const uid_t other = now == 0 ? 1 : 0;
    return ::setresuid(other, other, other) == 0;
}

bool shows_only(const TaskStatus& status, std::uint32_t host_uid, std::uint32_t host_gid,
                std::span<const gid_t> host_groups) {
    // The kernel sorts the groups it holds.
    std::vector<gid_t> expected(host_groups.begin(), host_groups.end());
    std::ranges::sort(expected);
    return status.uids.all(host_uid) && status.gids.all(host_gid) && status.groups == expected &&
           status.cap_bounding == 0 && status.cap_permitted == 0 && status.cap_effective == 0 &&
           status.cap_ambient == 0 && status.cap_inheritable == 0;
}

}  // namespace nsutil
