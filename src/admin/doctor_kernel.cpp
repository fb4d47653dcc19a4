/// @file
/// The kernel: cifs.ko, user namespaces, the quota of keys.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <optional>

#include "admin/doctor.hpp"
#include "admin/key_quota.hpp"
#include "admin/request_key_rules.hpp"
#include "admin/upcall_kinds.hpp"
#include "keys/key_request.hpp"
#include "keys/key_service.hpp"
#include "nsutil/child.hpp"
#include "nsutil/proc_text.hpp"

namespace nsupcall::admin {
namespace {

constexpr std::size_t kSmall = 64 * 1024, kModules = std::size_t{8} << 20U;

/// A one-line file without its end; nullopt where it cannot be read.
std::optional<std::string> line_of(const NodeRoot& root, const std::string& path) {
    auto text = root.read(path, kSmall);
    if (!text) return std::nullopt;
    return text->substr(0, text->find_first_of("\n"));
}

std::optional<std::uint64_t> number_in(const NodeRoot& root, const std::string& path) {
    const auto line = line_of(root, path);
    return line ? nsutil::parse_number<std::uint64_t>(*line) : std::nullopt;
}

struct Version {
    unsigned major = 0, minor = 0, patch = 0;
    auto operator<=>(const Version&) const = default;
};

Version parse_version(const char* release) {
    Version version;
    // NOLINTNEXTLINE(cert-err34-c): the kernel's own text; numbers that are missing stay 0
    (void)std::sscanf(release, "%u.%u.%u", &version.major, &version.minor, &version.patch);
    return version;
}

/// The first release of each branch that is maintained upstream and refuses cifs.spnego descriptions that
/// are not the kernel's own (CVE-2026-46243, "smb: client: reject userspace cifs.spnego descriptions").
constexpr std::array kMended = {Version{5, 10, 258}, Version{5, 15, 209}, Version{6, 1, 175},
                                Version{6, 6, 142},  Version{6, 12, 92},  Version{6, 18, 34},
                                Version{7, 0, 11}};

bool is_mended(const Version& version) {
    for (const auto& first : kMended)
        if (first.major == version.major && first.minor == version.minor) return version >= first;
    return version >= Version{7, 1, 0};
}

/// What the kernel says to a cifs.spnego key that is none of its own. The key, where there is one, is gone
/// with the child: EPERM it refuses, 0 it does not, ENODEV cifs.ko is not loaded.
int offer_forged_key() {
    auto child = nsutil::Child::spawn([](int channel_fd) {
        int error = drop_key_access();
        if (error == 0) error = offer_key("cifs.spnego", "nsupcall-doctor");
        return nsutil::send_message(channel_fd, std::as_bytes(std::span(&error, 1)));
    });
    int error = EIO;
    if (child)
        (void)child->receive(std::as_writable_bytes(std::span(&error, 1)),
                             nsutil::Deadline::after(std::chrono::seconds(5)));
    return error;
}

Check forged_requests(const Patient& patient, const char* release) {
    constexpr const char* kId = "forged-requests";
    const int error = offer_forged_key();
    if (error == EPERM) return {kId, CheckStatus::ok, "the kernel refuses forged cifs.spnego requests", ""};
    const bool tried = error == 0;
    if (!tried && is_mended(parse_version(release)))
        return {kId, CheckStatus::ok,
                fmt::format("Linux {} refuses forged cifs.spnego requests, by its version", release), ""};
    const auto found =
        tried ? std::string("the kernel lets any user forge cifs.spnego requests (CVE-2026-46243)")
              : fmt::format(
                    "Linux {} lets any user forge cifs.spnego requests, by its version "
                    "(CVE-2026-46243)",
                    release);
    const auto rules = RequestKeyRules::read(patient.root);
    const auto* chosen = rules ? rules->ask(kUpcallKinds.front().example).chosen : nullptr;
    const bool guarded = chosen != nullptr && chosen->text.find(" %T") != std::string::npos;
    if (guarded)
        return {kId, CheckStatus::warning, found + "; nsupcall refuses them",
                "install your distribution's kernel update"};
    return {kId, CheckStatus::failure, found + ", and the rule that wins does not hand over %T",
            "run nsupcall install, whose rule does, and install your distribution's kernel update"};
}

/// Where modprobe would find cifs.ko: "cifs.ko is part of the kernel", ...; empty where it would not.
std::string way_to_module(const NodeRoot& root, const char* release) {
    const auto folder = fmt::format("/lib/modules/{}/", release);
    if (const auto built_in = root.read(folder + "modules.builtin", kModules);
        built_in && built_in->find("/cifs.ko") != std::string::npos)
        return "cifs is part of the kernel";
    if (const auto modules = root.read(folder + "modules.dep", kModules);
        modules && modules->find("/cifs.ko") != std::string::npos)
        return "cifs.ko is there, and is loaded by the first mount";
    return "";
}

}  // namespace

Checks examine_cifs(const Patient& patient) {
    constexpr const char* kId = "cifs";
    utsname name = {};
    if (::uname(&name) != 0) return {};
    const char* release = static_cast<const char*>(name.release);
    if (!patient.running)
        return {{kId, CheckStatus::unknown, "the kernel of another system was not looked at", ""}};
    Checks checks;
    if (const auto version = line_of(patient.root, "/sys/module/cifs/version")) {
        checks.push_back(
            {kId, CheckStatus::ok, fmt::format("cifs {} is loaded (Linux {})", *version, release), ""});
    } else if (const auto way = way_to_module(patient.root, release); !way.empty()) {
        const auto modprobe = line_of(patient.root, "/proc/sys/kernel/modprobe").value_or("");
        const bool works = way.ends_with("kernel") || patient.root.has_program(modprobe);
        checks.push_back(
            {kId, works ? CheckStatus::ok : CheckStatus::warning,
             works ? fmt::format("{} (Linux {})", way, release)
                   : fmt::format("the kernel loads modules by {}, which is no program", modprobe),
             works ? "" : "set /proc/sys/kernel/modprobe, or load cifs at boot (modules-load.d(5))"});
    } else {
        checks.push_back({kId, CheckStatus::warning, fmt::format("Linux {} has no cifs.ko here", release),
                          "install the package of this kernel's modules; in a container, look at the host"});
    }
    checks.push_back(forged_requests(patient, release));
    return checks;
}

Checks examine_user_namespaces(const Patient& patient) {
    constexpr const char* kId = "user-namespaces";
    if (!patient.running) return {};
    if (!patient.root.has("/proc/self/uid_map"))
        return {{kId, CheckStatus::warning, "this kernel has no user namespaces",
                 "rootless containers need a kernel with CONFIG_USER_NS"}};
    const auto most = number_in(patient.root, "/proc/sys/user/max_user_namespaces");
    if (most && *most == 0)
        return {{kId, CheckStatus::warning,
                 "user namespaces are switched off (user.max_user_namespaces is 0)",
                 "rootless containers need sysctl user.max_user_namespaces=15000 or so"}};
    const auto unprivileged = number_in(patient.root, "/proc/sys/kernel/unprivileged_userns_clone");
    if (unprivileged && *unprivileged == 0)
        return {{kId, CheckStatus::warning,
                 "users may make no user namespaces (kernel.unprivileged_userns_clone is 0)",
                 "rootless containers need sysctl kernel.unprivileged_userns_clone=1"}};
    return {
        {kId, CheckStatus::ok,
         most ? fmt::format("user namespaces: {} at most", *most) : std::string("there are user namespaces"),
         ""}};
}

Checks examine_key_quota(const Patient& patient) {
    constexpr const char* kId = "key-quota";
    constexpr unsigned kNearPercent = 80;
    if (!patient.running) return {};
    const auto users = patient.root.read("/proc/key-users", std::size_t{1} << 20U);
    if (!users) return {{kId, CheckStatus::unknown, "/proc/key-users cannot be read", ""}};
    Checks checks;
    const auto seen = parse_key_users(*users);
    for (const auto& user : seen) {
        const auto near = [](std::uint64_t have, std::uint64_t limit) {
            return limit > 0 && have * 100 >= limit * kNearPercent;
        };
        if (!near(user.keys, user.keys_most) && !near(user.bytes, user.bytes_most)) continue;
        checks.push_back(
            {kId, CheckStatus::warning,
             fmt::format("uid {} holds {} of {} keys, {} of {} bytes: new ones will fail with EDQUOT",
                         user.uid, user.keys, user.keys_most, user.bytes, user.bytes_most),
             user.uid == 0 ? "raise kernel.keys.root_maxkeys and kernel.keys.root_maxbytes"
                           : "raise kernel.keys.maxkeys and kernel.keys.maxbytes (each container takes "
                             "keys, too)"});
    }
    if (checks.empty())
        checks.push_back(
            {kId, CheckStatus::ok, fmt::format("no user of {} is near the quota of keys", seen.size()), ""});
    return checks;
}

}  // namespace nsupcall::admin
