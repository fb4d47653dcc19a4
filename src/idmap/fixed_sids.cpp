#include "idmap/fixed_sids.hpp"

namespace nsupcall {
namespace {

constexpr std::uint32_t kNobody = 65534, kRoot = 0, kUsersGroup = 100;
constexpr std::uint64_t kWorldAuthority = 1, kNtAuthority = 5, kUnixAuthority = 22;

std::uint32_t sub_of(IdKind kind) {
    return kind == IdKind::user ? 1 : 2;
}

}  // namespace

std::optional<IdOrSid> ask_unix(const IdQuestion& question) {
    constexpr std::uint32_t kNfs = 88;
    if (!question.wants_id()) return Sid(kUnixAuthority, {sub_of(question.kind), question.id()});
    const auto& sid = question.sid();
    // A user is never a group: S-1-22-2 does not answer for an owner.
    const bool fits = sid.same_domain(Sid(kUnixAuthority, {sub_of(question.kind), 0})) ||
                      sid.same_domain(Sid(kNtAuthority, {kNfs, sub_of(question.kind), 0}));
    if (!fits || sid.rid() == kNoId) return std::nullopt;
    return sid.rid();
}

std::optional<IdOrSid> ask_well_known(const IdQuestion& question) {
    constexpr std::uint32_t kLocalSystem = 18, kAnonymous = 7;
    if (!question.wants_id()) return std::nullopt;
    const auto& sid = question.sid();
    if (sid == Sid(kNtAuthority, {kLocalSystem})) return kRoot;
    if (sid == Sid(kNtAuthority, {kAnonymous}) || sid == Sid(kWorldAuthority, {0})) return kNobody;
    return std::nullopt;
}

std::optional<IdOrSid> ask_builtin(const IdQuestion& question) {
    constexpr std::uint32_t kBuiltin = 32, kAdministrators = 544, kUsers = 545, kGuests = 546;
    if (!question.wants_id()) return std::nullopt;
    const auto& sid = question.sid();
    if (sid == Sid(kNtAuthority, {kBuiltin, kAdministrators})) return kRoot;
    if (sid == Sid(kNtAuthority, {kBuiltin, kUsers}) && question.kind == IdKind::group) return kUsersGroup;
    if (sid == Sid(kNtAuthority, {kBuiltin, kGuests})) return kNobody;
    return std::nullopt;
}

}  // namespace nsupcall
