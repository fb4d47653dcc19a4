#include "credentials/ccache_collector.hpp"

#include <fcntl.h>

#include <algorithm>

#include "nsutil/bounded_read.hpp"

namespace nsupcall {

Verdict verdict_of(int code) {
    switch (code) {
        case ENOKEY:
            return Verdict::absent;
        case EACCES:
            return Verdict::unreadable;
        case EINVAL:
            return Verdict::malformed;
        case EKEYEXPIRED:
            return Verdict::expired;
        case EKEYREJECTED:
            return Verdict::kdc_refused;
        case EHOSTUNREACH:
            return Verdict::kdc_unreachable;
        default:
            return Verdict::failed;
    }
}

std::string CcacheCollector::wanted_user() const {
    // A mount may say DOMAIN\name; the domain is no realm, so only the name counts.
    const auto backslash = query_.user.rfind('\\');
    return backslash == std::string::npos ? query_.user : query_.user.substr(backslash + 1);
}

bool CcacheCollector::matches_user(krb5_const_principal principal) const {
    if (query_.user.empty()) return true;
    krb5_principal wanted = nullptr;
    if (krb5_parse_name(context_, wanted_user().c_str(), &wanted) != 0) return false;
    const auto owner = adopt<Principal>(context_, wanted);
    return must_match_user() ? krb5_principal_compare(context_, wanted, principal) != 0
                             : krb5_principal_compare_any_realm(context_, wanted, principal) != 0;
}

bool CcacheCollector::better(const FoundCcache& a, const FoundCcache& b) const {
    if (a.matches_user != b.matches_user) return a.matches_user;
    if (a.order != b.order) return a.order < b.order;
    const bool ticket_a = a.cache.service_ticket() != nullptr;
    const bool ticket_b = b.cache.service_ticket() != nullptr;
    if (ticket_a != ticket_b) return ticket_a;
    return a.cache.latest_end() > b.cache.latest_end();
}

std::vector<FoundCcache>& CcacheCollector::ranked() {
    std::ranges::stable_sort(found_,
                             [this](const FoundCcache& a, const FoundCcache& b) { return better(a, b); });
    return found_;
}

bool CcacheCollector::serves(const FoundCcache& found) const {
    // mount.cifs run by root says user=root whether anybody asked for that or not.
    return found.matches_user || query_.user.empty() || query_.user == "root";
}

bool CcacheCollector::settled() const {
    return std::ranges::any_of(found_, [this](const FoundCcache& found) { return serves(found); });
}

bool CcacheCollector::decides(const CcacheName& collection, const std::string& full_name) const {
    // What a user has made the primary cache of a collection is what its own programs use.
    if (look_at_all_ || collection.type != "DIR" || found_.empty()) return false;
    const auto& last = found_.back();
    if (last.entry + 1 != candidates_.size() || last.cache.service_ticket() == nullptr || !serves(last))
        return false;
    constexpr std::size_t kNameMost = 4096;
    auto primary = nsutil::read_file_at(AT_FDCWD, (collection.residual + "/primary").c_str(), kNameMost);
    if (!primary) return false;
    primary->resize(std::min(primary->find('\n'), primary->size()));
    return full_name == "DIR::" + collection.residual + "/" + *primary;
}

bool CcacheCollector::seen(const std::string& full_name) const {
    return std::ranges::any_of(candidates_, [&](const Candidate& one) { return one.name == full_name; });
}

void CcacheCollector::examine(const std::string& source, const std::string& full_name, Ccache ccache) {
    auto examined = ExaminedCcache::read(context_, std::move(ccache), hosts_);
    Candidate candidate{source, full_name, Verdict::no_ticket, {}, 0, {}};
    if (!examined) {
        candidate.verdict = verdict_of(examined.error().code);
        if (candidate.verdict != Verdict::absent) candidate.detail = examined.error().what;
        note(std::move(candidate));
        return;
    }
    candidate.principal = examined->principal_name();
    candidate.expires = examined->latest_end();
    const bool matches = matches_user(examined->principal());
    if (examined->only_expired())
        candidate.verdict = Verdict::expired;
    else if (must_match_user() && !matches)
        candidate.verdict = Verdict::wrong_principal;
    else if (examined->usable())
        candidate.verdict = Verdict::good;
    const bool good = candidate.verdict == Verdict::good;
    note(std::move(candidate));
    if (good) found_.push_back({std::move(*examined), candidates_.size() - 1, order_, matches});
}

void CcacheCollector::gather_collection(const std::string& source, const CcacheName& name) {
    // libkrb5 lists the collection to which the default name belongs.
    krb5_cccol_cursor cursor = nullptr;
    if (krb5_cc_set_default_name(context_, name.full().c_str()) != 0 ||
        krb5_cccol_cursor_new(context_, &cursor) != 0) {
        note({source, name.full(), Verdict::failed, {}, 0, "the collection cannot be listed"});
        return;
    }
    std::size_t count = 0;
    krb5_error_code error = 0;
    while (count < kCachesMost) {
        krb5_ccache raw = nullptr;
        error = krb5_cccol_cursor_next(context_, cursor, &raw);
        if (error != 0 || raw == nullptr) break;
        auto ccache = adopt<Ccache>(context_, raw);
        if (name.type != krb5_cc_get_type(context_, raw)) continue;
        ++count;
        char* full = nullptr;
        if (krb5_cc_get_full_name(context_, raw, &full) != 0) continue;
        const std::string full_name(full);
        krb5_free_string(context_, full);
        if (seen(full_name)) continue;
        if (const auto objection = object_to(CcacheName::split(full_name), query_.inside_uid))
            note({source, full_name, objection->verdict, {}, 0, objection->detail});
        else
            examine(source, full_name, std::move(ccache));
        // libkrb5 lists the primary cache first.
        if (count == 1 && decides(name, full_name)) break;
    }
    krb5_cccol_cursor_free(context_, &cursor);
    if (count > 0) return;
    Candidate candidate{source, name.full(), Verdict::absent, {}, 0, "the collection is empty"};
    if (error != 0) {
        const auto failed = fail_krb5(context_, error, "list the collection").error();
        candidate.verdict = verdict_of(failed.code);
        candidate.detail = failed.what;
    }
    note(std::move(candidate));
}

void CcacheCollector::gather(const std::string& source, const CcacheName& name) {
    if (seen(name.full())) return;
    if (const auto objection = object_to(name, query_.inside_uid)) {
        note({source, name.full(), objection->verdict, {}, 0, objection->detail});
        return;
    }
    const bool one_of_a_directory = name.type == "DIR" && name.residual.starts_with(':');
    if (name.type != "FILE" && !one_of_a_directory) return gather_collection(source, name);
    krb5_ccache raw = nullptr;
    if (krb5_cc_resolve(context_, name.full().c_str(), &raw) != 0) {
        note({source, name.full(), Verdict::malformed, {}, 0, "libkrb5 knows no such name"});
        return;
    }
    examine(source, name.full(), adopt<Ccache>(context_, raw));
}

}  // namespace nsupcall
