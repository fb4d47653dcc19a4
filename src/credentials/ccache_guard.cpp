#include "credentials/ccache_guard.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "nsutil/proc_text.hpp"
#include "nsutil/unique_fd.hpp"

namespace nsupcall {
namespace {

Objection objection_of_errno(int error) {
    switch (error) {
        case ENOENT:
        case ENOTDIR:
            return {Verdict::absent, {}};
        case EACCES:
        case EPERM:
            return {Verdict::unreadable, {}};
        case ENXIO:
            return {Verdict::malformed, "it is a socket or a device"};
        default:
            return {Verdict::failed, std::strerror(error)};
    }
}

std::optional<Objection> object_to_path(const std::string& path, std::uint32_t uid, bool directory) {
    if (path.empty() || path[0] != '/') return Objection{Verdict::unsupported, "not an absolute path"};
    const auto wrong_kind = [&](const struct stat& info) {
        return directory ? !S_ISDIR(info.st_mode) : !S_ISREG(info.st_mode);
    };
    Objection wrong = {Verdict::malformed, directory ? "it is no directory" : "it is no regular file"};
    // Looked at before it is opened: opening alone makes some devices act (a watchdog starts, a tape
    // rewinds).
    struct stat info = {};
    if (::stat(path.c_str(), &info) != 0) return objection_of_errno(errno);
    if (wrong_kind(info)) return wrong;
    // It may have been exchanged since. O_NONBLOCK: a FIFO gets no reader to wait for a writer.
    const nsutil::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd) return objection_of_errno(errno);
    if (::fstat(fd.get(), &info) != 0) return objection_of_errno(errno);
    if (wrong_kind(info)) return wrong;
    if (info.st_uid != uid && info.st_uid != 0)
        return Objection{Verdict::not_owned, "it belongs to uid " + std::to_string(info.st_uid)};
    if (!directory && info.st_size > kCcacheBytesMost)
        return Objection{Verdict::malformed, "it is too large"};
    if (!directory && info.st_size == 0) return Objection{Verdict::no_ticket, "it is empty"};
    return std::nullopt;
}

std::optional<Objection> object_to_dir(const std::string& residual, std::uint32_t uid) {
    // "DIR::/path/tktX" names one cache of the collection at /path.
    if (residual.starts_with(':')) return object_to_path(residual.substr(1), uid, false);
    if (auto objection = object_to_path(residual, uid, true)) return objection;
    // libkrb5 opens this one by itself.
    auto primary = object_to_path(residual + "/primary", uid, false);
    if (primary && primary->verdict != Verdict::absent && primary->verdict != Verdict::no_ticket)
        return Objection{primary->verdict, "primary: " + primary->detail};
    return std::nullopt;
}

std::optional<Objection> object_to_keyring(const std::string& residual, std::uint32_t uid) {
    const auto colon = residual.find(':');
    const auto anchor = residual.substr(0, colon);
    if (anchor == "persistent") {
        if (colon == std::string::npos) return std::nullopt;
        const auto rest = residual.substr(colon + 1);
        const auto number = nsutil::parse_number<std::uint32_t>(rest.substr(0, rest.find(':')));
        if (number == uid) return std::nullopt;
        return Objection{Verdict::not_owned, "it is the persistent keyring of another user"};
    }
    if (anchor == "user") return std::nullopt;
    if (anchor == "process" || anchor == "thread")
        return Objection{Verdict::unsupported,
                         "a " + anchor + " keyring can be reached by its own process only"};
    return Objection{Verdict::unsupported,
                     "a session keyring is out of reach: the kernel gives no helper the requester's session; "
                     "use KEYRING:persistent, DIR or FILE"};
}

}  // namespace

CcacheName CcacheName::split(std::string_view name) {
    const auto colon = name.find(':');
    if (colon == std::string_view::npos) return {"FILE", std::string(name)};
    return {std::string(name.substr(0, colon)), std::string(name.substr(colon + 1))};
}

std::string CcacheName::directory() const {
    std::string_view path = residual;
    const bool whole_directory = type == "DIR" && !path.starts_with(':');
    if (type == "DIR" && path.starts_with(':')) path.remove_prefix(1);
    if ((type != "FILE" && type != "DIR") || !path.starts_with('/')) return {};
    if (whole_directory) return std::string(path);
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : std::string(path.substr(0, slash));
}

std::optional<Objection> object_to(const CcacheName& name, std::uint32_t inside_uid) {
    if (name.full().find('\0') != std::string::npos)
        return Objection{Verdict::malformed, "a NUL byte in the name"};
    if (name.type == "FILE") return object_to_path(name.residual, inside_uid, false);
    if (name.type == "DIR") return object_to_dir(name.residual, inside_uid);
    if (name.type == "KEYRING") return object_to_keyring(name.residual, inside_uid);
    if (name.type == "KCM") return std::nullopt;
    if (name.type == "MEMORY") return Objection{Verdict::unsupported, "it lives inside another process"};
    return Objection{Verdict::unsupported, "an unknown type of ccache"};
}

}  // namespace nsupcall
