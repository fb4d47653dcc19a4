#include "privsep/server_seal.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>

#include "nsutil/bounded_read.hpp"
#include "nsutil/credentials.hpp"
#include "nsutil/sandbox.hpp"

namespace nsupcall {
namespace {
#include "server_filter.inc"

constexpr nsutil::SandboxLimits kLimits = {
    .address_space_bytes = 1ULL << 30U, .file_bytes = 0, .open_files = 1024, .cpu_seconds = ~0ULL};

/// What the kernel says of this very task, read before the filter closes /proc.
bool has_no_privilege(bool was_root, const ServerSeal& plan) {
    const auto text = nsutil::read_file_at(AT_FDCWD, "/proc/self/status", nsutil::kStatusLimit);
    if (!text) return false;
    auto status = nsutil::parse_status(*text);
    if (!status || status->cap_permitted != 0 || status->cap_effective != 0 || status->cap_ambient != 0)
        return false;
    status->cap_bounding = 0;
    return !was_root || nsutil::shows_only(*status, plan.uid, plan.gid, {});
}

}  // namespace

std::optional<BoundaryFailure> seal_server(const ServerSeal& plan) {
    const auto failed = [](const char* step, int error) {
        return std::optional(BoundaryFailure{step, error});
    };
    const bool root = ::geteuid() == 0;
    if (root) {
        if (const int error = nsutil::set_groups(plan.gid, {})) return failed("set groups", error);
        // Without CAP_SETPCAP the bounding set stays full, which grants nothing under no_new_privs.
        (void)nsutil::drop_bounding_set();
        if (const int error = nsutil::set_user(plan.uid)) return failed("become the user", error);
    }
    if (const int error = nsutil::drop_capabilities()) return failed("drop capabilities", error);
    if (const int error = nsutil::set_no_new_privs()) return failed("set no_new_privs", error);
    if (const int error = nsutil::bind_to_parent()) return failed("bind to the collector", error);
    if (::getppid() != plan.parent) return failed("find the collector alive", ESRCH);
    if (const int error = nsutil::close_all_but(plan.keep)) return failed("close descriptors", error);
    if (const int error = nsutil::set_limits(kLimits)) return failed("set limits", error);
    if (!has_no_privilege(root, plan) || (root && plan.uid != 0 && nsutil::can_change_user())) std::abort();
    if (const int error = nsutil::install_seccomp(kServerFilter)) return failed("install the filter", error);
    if (nsutil::can_map_executable()) std::abort();
    if (::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0) std::abort();
    return std::nullopt;
}

}  // namespace nsupcall
