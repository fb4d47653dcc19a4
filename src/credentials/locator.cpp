#include "credentials/locator.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "credentials/ccache_guard.hpp"
#include "credentials/keytab_source.hpp"
#include "credentials/service_name.hpp"

namespace nsupcall {
namespace {

using nsutil::Error;
using nsutil::Result;

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

/// The errno that a candidate's verdict stands for, in rising order of how much it explains.
constexpr std::array<std::pair<Verdict, int>, 7> kCodes = {{{Verdict::absent, ENOKEY},
                                                            {Verdict::malformed, EINVAL},
                                                            {Verdict::unreadable, EACCES},
                                                            {Verdict::not_owned, EACCES},
                                                            {Verdict::expired, EKEYEXPIRED},
                                                            {Verdict::kdc_unreachable, EHOSTUNREACH},
                                                            {Verdict::kdc_refused, EKEYREJECTED}}};

}  // namespace

bool Locator::matches_user(krb5_const_principal principal) const {
    if (query_.user.empty()) return true;
    krb5_principal wanted = nullptr;
    // A mount may say DOMAIN\name; the domain is no realm, so only the name counts.
    const auto backslash = query_.user.rfind('\\');
    const std::string user = backslash == std::string::npos ? query_.user : query_.user.substr(backslash + 1);
    if (krb5_parse_name(context_, user.c_str(), &wanted) != 0) return false;
    const auto owner = adopt<Principal>(context_, wanted);
    return must_match_user() ? krb5_principal_compare(context_, wanted, principal) != 0
                             : krb5_principal_compare_any_realm(context_, wanted, principal) != 0;
}

bool Locator::better(const Found& a, const Found& b) const {
    const bool matches_a = matches_user(a.cache.principal());
    const bool matches_b = matches_user(b.cache.principal());
    if (matches_a != matches_b) return matches_a;
    const bool ticket_a = a.cache.service_ticket() != nullptr;
    const bool ticket_b = b.cache.service_ticket() != nullptr;
    if (candidates_[a.entry].source != candidates_[b.entry].source) return a.entry < b.entry;
    if (ticket_a != ticket_b) return ticket_a;
    return a.cache.latest_end() > b.cache.latest_end();
}

void Locator::examine(const std::string& source, const std::string& full_name, Ccache ccache) {
    auto examined = ExaminedCcache::read(context_, std::move(ccache), query_.host);
    Candidate candidate{source, full_name, Verdict::no_ticket, {}, 0, {}};
    if (!examined) {
        candidate.verdict = verdict_of(examined.error().code);
        if (candidate.verdict != Verdict::absent) candidate.detail = examined.error().what;
        candidates_.push_back(std::move(candidate));
        return;
    }
    candidate.principal = examined->principal_name();
    candidate.expires = examined->latest_end();
    const bool usable = examined->usable();
    if (examined->only_expired())
        candidate.verdict = Verdict::expired;
    else if (must_match_user() && !matches_user(examined->principal()))
        candidate.verdict = Verdict::wrong_principal;
    else if (usable)
        candidate.verdict = Verdict::good;
    candidates_.push_back(std::move(candidate));
    if (candidates_.back().verdict == Verdict::good)
        found_.push_back({std::move(*examined), candidates_.size() - 1});
}

void Locator::gather_collection(const std::string& source, const CcacheName& name) {
    // libkrb5 lists the collection to which the default name belongs.
    krb5_cccol_cursor cursor = nullptr;
    if (krb5_cc_set_default_name(context_, name.full().c_str()) != 0 ||
        krb5_cccol_cursor_new(context_, &cursor) != 0) {
        candidates_.push_back(
            {source, name.full(), Verdict::failed, {}, 0, "the collection cannot be listed"});
        return;
    }
    std::size_t count = 0;
    krb5_ccache raw = nullptr;
    while (count < kCachesMost && krb5_cccol_cursor_next(context_, cursor, &raw) == 0 && raw != nullptr) {
        auto ccache = adopt<Ccache>(context_, raw);
        if (name.type != krb5_cc_get_type(context_, raw)) continue;
        ++count;
        char* full = nullptr;
        if (krb5_cc_get_full_name(context_, raw, &full) != 0) continue;
        const std::string full_name(full);
        krb5_free_string(context_, full);
        if (const auto objection = object_to(CcacheName::split(full_name), query_.inside_uid))
            candidates_.push_back({source, full_name, objection->verdict, {}, 0, objection->detail});
        else
            examine(source, full_name, std::move(ccache));
    }
    krb5_cccol_cursor_free(context_, &cursor);
    if (count == 0)
        candidates_.push_back({source, name.full(), Verdict::absent, {}, 0, "the collection is empty"});
}

void Locator::gather(const std::string& source, const CcacheName& name) {
    if (const auto objection = object_to(name, query_.inside_uid)) {
        candidates_.push_back({source, name.full(), objection->verdict, {}, 0, objection->detail});
        return;
    }
    const bool one_of_a_directory = name.type == "DIR" && name.residual.starts_with(':');
    if (name.type != "FILE" && !one_of_a_directory) return gather_collection(source, name);
    krb5_ccache raw = nullptr;
    if (krb5_cc_resolve(context_, name.full().c_str(), &raw) != 0) {
        candidates_.push_back({source, name.full(), Verdict::malformed, {}, 0, "libkrb5 knows no such name"});
        return;
    }
    examine(source, name.full(), adopt<Ccache>(context_, raw));
}

void Locator::announce_wait() const {
    if (!before_a_wait_) return;
    Trace so_far;
    for (const auto& candidate : candidates_) so_far.add(candidate);
    before_a_wait_(so_far);
}

void Locator::gather_keytab() {
    if (query_.host_keytab.empty()) return;
    announce_wait();
    auto made = credentials_from_keytab(context_, query_.host_keytab, query_.user);
    Candidate candidate{"keytab of the host", {}, Verdict::good, {}, 0, {}};
    if (!made) {
        candidate.verdict = verdict_of(made.error().code);
        candidate.detail = made.error().what;
        candidates_.push_back(std::move(candidate));
        return;
    }
    examine("keytab of the host", "MEMORY", std::move(*made));
}

Result<Creds> Locator::ask_kdc(const ExaminedCcache& cache, const std::string& host) {
    auto server = service_principal(context_, host);
    if (!server) return nsutil::propagate(server);
    announce_wait();
    krb5_creds wanted = {};
    wanted.client = const_cast<krb5_principal>(cache.principal());
    wanted.server = server->get();
    krb5_creds* got = nullptr;
    if (const auto error = krb5_get_credentials(context_, 0, cache.ccache(), &wanted, &got))
        return fail_krb5(context_, error, "ticket for cifs/" + host);
    return adopt<Creds>(context_, got);
}

Result<LocatedTicket> Locator::use(Found& found) {
    LocatedTicket located;
    located.client = found.cache.principal_name();
    located.ticket = found.cache.take_service_ticket();
    if (located.ticket == nullptr) {
        auto ticket = ask_kdc(found.cache, query_.host);
        if (!ticket && query_.trust_dns && ticket.error().code == EKEYREJECTED) {
            auto other = reverse_name(query_.address);
            if (other && *other != query_.host) ticket = ask_kdc(found.cache, *other);
        }
        if (!ticket) return nsutil::propagate(ticket);
        located.ticket = std::move(*ticket);
    }
    located.server = print_principal(context_, located.ticket->server);
    return located;
}

Result<LocatedTicket> Locator::try_found() {
    std::ranges::stable_sort(found_, [this](const Found& a, const Found& b) { return better(a, b); });
    std::optional<Result<LocatedTicket>> last;
    for (auto& found : found_) {
        last = use(found);
        auto& candidate = candidates_[found.entry];
        if (*last) {
            candidate.verdict = Verdict::used;
            return std::move(*last);
        }
        candidate.verdict = verdict_of(last->error().code);
        candidate.detail = last->error().what;
        // The realm's KDC will not answer the next cache either; what is left of the time is short.
        if (last->error().code == EHOSTUNREACH) break;
    }
    found_.clear();
    return nsutil::fail(ENOKEY, "no cache served");
}

std::unexpected<Error> Locator::nothing_served() const {
    int code = ENOKEY;
    std::string why = "no credentials found";
    std::size_t best = 0;
    for (const auto& candidate : candidates_)
        for (std::size_t at = 0; at < kCodes.size(); ++at)
            if (candidate.verdict == kCodes[at].first && at > best) {
                best = at;
                code = kCodes[at].second;
                why = "credentials found, but none that serves: ";
                why += verdict_name(candidate.verdict);
                if (!candidate.detail.empty()) why += " (" + candidate.detail + ")";
            }
    return nsutil::fail(code, why);
}

Result<LocatedTicket> Locator::find() {
    if (query_.environment_ccache)
        gather("KRB5CCNAME", CcacheName::split(*query_.environment_ccache));
    else if (!query_.environment_note.empty())
        candidates_.push_back({"KRB5CCNAME", {}, Verdict::not_considered, {}, 0, query_.environment_note});

    // What the requester itself names comes first; only a cache for somebody else makes us look further.
    const bool settled = !found_.empty() && matches_user(found_.front().cache.principal());
    if (!settled)
        if (const char* name = krb5_cc_default_name(context_))
            gather("default ccache", CcacheName::split(name));
    auto ticket = try_found();
    if (!ticket && !query_.host_keytab.empty()) {
        gather_keytab();
        ticket = try_found();
    }
    for (const auto& candidate : candidates_) trace_.add(candidate);
    if (ticket) return ticket;
    return nothing_served();
}

}  // namespace nsupcall
