#include "admin/map_text.hpp"

#include <algorithm>
#include <array>

namespace nsupcall::admin {
namespace {

std::string counted(std::size_t count, const char* one, const char* many) {
    return std::to_string(count) + " " + (count == 1 ? one : many);
}

}  // namespace

double bar_fill(std::int64_t expires, std::int64_t now) {
    const auto left = static_cast<double>(expires - now) / static_cast<double>(kFullBar);
    return std::clamp(left, 0.0, 1.0);
}

Tone tone_of(CredentialState state, std::int64_t expires, std::int64_t now) {
    switch (state) {
        case CredentialState::valid:
            return expires != 0 && expires - now < kEndsSoon ? Tone::warning : Tone::good;
        case CredentialState::expired:
        case CredentialState::missing:
            return Tone::bad;
        case CredentialState::unknown:
            return Tone::warning;
    }
    return Tone::plain;
}

std::string user_words(const MapUser& user) {
    std::string text = "uid " + std::to_string(user.uid);
    if (user.inside_uid && *user.inside_uid != user.uid)
        text += " (" + std::to_string(*user.inside_uid) + " inside)";
    if (user.processes == 0) return text;
    text += ", " + (user.comm.empty() ? std::string("a process") : escape(user.comm, 64));
    if (user.processes > 1) text += " and " + std::to_string(user.processes - 1) + " more";
    return text;
}

std::string place_words(const MapPlace& place) {
    constexpr std::size_t kShortId = 12;
    std::string text;
    if (!place.workload.id.empty())
        text = (place.workload.runtime.empty() ? "container" : escape(place.workload.runtime)) + " " +
               escape(std::string_view(place.workload.id).substr(0, kShortId)) + ", ";
    return text + counted(place.processes, "process", "processes");
}

std::string credential_words(const Candidate& credential) {
    if (!credential.principal.empty()) return escape(credential.principal);
    std::string text(verdict_name(credential.verdict));
    if (!credential.detail.empty()) text += ": " + escape(credential.detail);
    return text;
}

std::string expiry_words(std::int64_t expires, std::int64_t now) {
    if (expires == 0) return {};
    return (expires <= now ? "expired " : "expires ") + relative_time(expires, now);
}

std::string mount_words(const MapMount& mount) {
    std::string text = escape(mount.source);
    for (std::size_t at = 0; at < mount.targets.size(); ++at)
        text += (at == 0 ? " on " : ", ") + escape(mount.targets[at]);
    if (mount.more_targets > 0) text += " and " + std::to_string(mount.more_targets) + " more";
    return text;
}

std::string rest_words(const MapMount& mount) {
    std::string text;
    if (!mount.principal.empty()) text = "rests on " + escape(mount.principal);
    if (!mount.elsewhere.empty()) text += " in " + escape(mount.elsewhere);
    if (!mount.why.empty()) text += (text.empty() ? "" : ": ") + escape(mount.why);
    return text;
}

int credential_of(const MapUser& user, const MapMount& mount) {
    if (!mount.elsewhere.empty() || mount.ccache.empty()) return -1;
    for (std::size_t at = 0; at < user.credentials.size(); ++at)
        if (user.credentials[at].name == mount.ccache && user.credentials[at].principal == mount.principal)
            return static_cast<int>(at);
    return -1;
}

std::string summary_words(const NodeMap& map) {
    std::size_t total = 0;
    std::string parts;
    for (const auto state : {CredentialState::valid, CredentialState::expired, CredentialState::missing,
                             CredentialState::unknown}) {
        const auto count = map.mounts_in(state);
        total += count;
        if (count > 0)
            parts +=
                (parts.empty() ? ": " : ", ") + std::to_string(count) + " " + std::string(state_name(state));
    }
    if (total == 0) return "No cifs mount with Kerberos";
    return counted(total, "cifs mount", "cifs mounts") + " with Kerberos" + parts;
}

std::vector<std::string> unseen_words(const NodeMap& map) {
    std::vector<std::string> lines;
    if (map.unseen > 0)
        lines.push_back(counted(map.unseen, "process", "processes") + " may not be looked at");
    if (map.others_hidden) lines.emplace_back(kHiddenText);
    if (!map.credentials_known)
        lines.push_back("some credentials may not be looked at: " + escape(map.boundary_problem));
    if (!map.sessions_known) lines.emplace_back("the session records cannot be read");
    if (map.users_left_out > 0)
        lines.push_back(counted(map.users_left_out, "user", "users") +
                        " left out: limits of time and number");
    if (map.mounts_left_out > 0)
        lines.push_back(counted(map.mounts_left_out, "mount", "mounts") + " left out: a limit of number");
    return lines;
}

}  // namespace nsupcall::admin
