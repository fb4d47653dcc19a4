#include "privsep/principal_upcall.hpp"

#include <fcntl.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "credentials/krb5_handles.hpp"
#include "nsutil/bounded_read.hpp"

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::NamespaceKind;
using nsutil::parse_number;
using nsutil::propagate;
using nsutil::Result;

constexpr std::size_t kPrincipalLimit = 1024, kNameLimit = 256;
constexpr std::size_t kPasswdLimit = 16 * 1024 * 1024;  ///< bytes

/// Text form of what the worker found: "<user>:<uid>:<gid>", or "<user>::" where it did not look for ids.
struct Found {
    std::string user;
    std::optional<PasswdIds> ids;
};

std::optional<Found> parse_found(std::string_view text) {
    std::array<std::string_view, 3> fields;
    for (auto& field : fields) {
        field = text.substr(0, text.find(':'));
        text.remove_prefix(std::min(field.size() + 1, text.size()));
    }
    if (fields[0].empty() || fields[0].size() > kNameLimit || !text.empty()) return std::nullopt;
    Found found{std::string(fields[0]), std::nullopt};
    if (fields[1].empty() && fields[2].empty()) return found;
    const auto uid = parse_number<std::uint32_t>(fields[1]);
    const auto gid = parse_number<std::uint32_t>(fields[2]);
    if (!uid || !gid) return std::nullopt;
    found.ids = {*uid, *gid};
    return found;
}

Result<void> work(const std::string& principal, bool read_passwd, Reply& reply) {
    krb5_context raw = nullptr;
    if (const auto error = krb5_init_secure_context(&raw); error != 0)
        return fail_krb5(nullptr, error, "krb5.conf");
    const Krb5Context context(raw);
    krb5_principal parsed = nullptr;
    if (krb5_parse_name(raw, principal.c_str(), &parsed) != 0) return fail(EINVAL, "no principal");
    std::array<char, kNameLimit + 1> name = {};
    const auto error = krb5_aname_to_localname(raw, parsed, static_cast<int>(name.size() - 1), name.data());
    krb5_free_principal(raw, parsed);
    const std::string_view user(name.data(), ::strnlen(name.data(), name.size()));
    if (error != 0 || user.empty() || user.find(':') != std::string_view::npos)
        return fail(ENOKEY, "auth_to_local maps the principal to no local user");
    std::string text = std::string(user) + "::";
    if (read_passwd) {
        const auto passwd = nsutil::read_file_at(AT_FDCWD, "/etc/passwd", kPasswdLimit);
        if (!passwd) return fail(ENOKEY, "no /etc/passwd: " + passwd.error().text());
        const auto ids = find_in_passwd(*passwd, user);
        if (!ids) return fail(ENOKEY, "no such local user: " + std::string(user));
        text = std::string(user) + ":" + std::to_string(ids->uid) + ":" + std::to_string(ids->gid);
    }
    const auto bytes = std::as_bytes(std::span(text));
    reply.payload.assign(bytes.begin(), bytes.end());
    reply.client = principal;
    return {};
}

Result<PasswdIds> ask_name_service(const std::string& user) {
    constexpr std::size_t kBuffer = 64 * 1024;
    std::vector<char> buffer(kBuffer);
    passwd entry = {};
    passwd* found = nullptr;
    const int error = ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr)
        return fail(ENOKEY,
                    "no such local user: " + user + (error != 0 ? ": " + nsutil::errno_name(error) : ""));
    return PasswdIds{found->pw_uid, found->pw_gid};
}

/// The container's ids as the host's.
Result<PasswdIds> to_host(const PasswdIds& inside, const Requester& requester) {
    if (!requester.namespaces.enters(NamespaceKind::user)) return inside;
    const auto uid = requester.namespaces.uid_map().to_host(inside.uid);
    auto text = requester.task.read("gid_map", nsutil::IdMap::kTextLimit);
    if (!text) return propagate(text);
    auto map = nsutil::IdMap::parse(*text);
    if (!map) return propagate(map);
    const auto gid = map->to_host(inside.gid);
    if (!uid || !gid) return fail(EACCES, "the local user's ids are not mapped by the user namespace");
    return PasswdIds{*uid, *gid};
}

Result<PasswdIds> finish(const Reply& reply, bool of_host, const Requester& requester, std::string& user) {
    if (reply.code != 0) return fail(reply.code, reply.message);
    const auto found =
        parse_found({reinterpret_cast<const char*>(reply.payload.data()), reply.payload.size()});
    if (!found || found->ids.has_value() == of_host)
        return fail(EKEYREJECTED, "the worker's reply names no user");
    user = found->user;
    return of_host ? ask_name_service(user) : to_host(*found->ids, requester);
}

}  // namespace

std::optional<PasswdIds> find_in_passwd(std::string_view text, std::string_view user) {
    while (!text.empty()) {
        auto line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        std::array<std::string_view, 4> fields;
        for (auto& field : fields) {
            field = line.substr(0, line.find(':'));
            line.remove_prefix(std::min(field.size() + 1, line.size()));
        }
        if (fields[0] != user) continue;
        const auto uid = parse_number<std::uint32_t>(fields[2]);
        const auto gid = parse_number<std::uint32_t>(fields[3]);
        if (uid && gid) return PasswdIds{*uid, *gid};
    }
    return std::nullopt;
}

PrincipalOutcome answer_principal(std::string_view principal, pid_t tid, const nsutil::Deadline& deadline) {
    PrincipalOutcome outcome;
    auto& reply = outcome.job.reply;
    if (principal.empty() || principal.size() > kPrincipalLimit ||
        principal.find('\0') != std::string_view::npos) {
        reply = failed_reply(EINVAL, "no principal");
        return outcome;
    }
    auto requester = Requester::open(tid);
    if (!requester) {
        reply = failed_reply(requester.error().code, requester.error().text());
        return outcome;
    }
    outcome.job.requester = std::move(*requester);
    const auto& who = *outcome.job.requester;
    const auto& view = who.namespaces.view();
    const bool of_host = view.same(NamespaceKind::mount, who.host) &&
                         view.same(NamespaceKind::user, who.host) && view.same_root(who.host);
    outcome.job.namespaces = of_host ? "host" : "requester";
    auto identity = SealedIdentity::nobody(who.namespaces);
    if (!identity) {
        reply = failed_reply(identity.error().code, identity.error().text());
        return outcome;
    }
    const SealedJob job = {
        .namespaces = who.namespaces, .identity = std::move(*identity), .work = [&](Reply& answer) {
            return work(std::string(principal), !of_host, answer);
        }};
    reply = run_sealed(job, deadline);
    const auto ids = finish(reply, of_host, who, outcome.local_user);
    if (!ids) {
        auto trace = std::move(reply.trace);
        reply = failed_reply(ids.error().code, ids.error().text());
        reply.trace = std::move(trace);
        return outcome;
    }
    outcome.uid = ids->uid;
    outcome.gid = ids->gid;
    return outcome;
}

}  // namespace nsupcall
