/// @file
/// The locator's questions to the KDC: a ticket for the service, whatever its name.

#include <algorithm>
#include <string>

#include "credentials/locator.hpp"
#include "credentials/service_name.hpp"

namespace nsupcall {

using nsutil::Error;
using nsutil::Result;

namespace {

/// The KDC knows no service of that name: another name may do.
bool is_unknown_service(const Error& error) {
    return error.domain == nsutil::ErrorDomain::krb5 &&
           (error.native == KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN || error.native == KRB5_ERR_HOST_REALM_UNKNOWN ||
            error.native == KRB5KDC_ERR_WRONG_REALM || error.native == KRB5_CC_NOTFOUND);
}

std::string text_of(const krb5_data& data) {
    return {data.data, data.length};
}

}  // namespace

Result<Creds> Locator::ask(const ExaminedCcache& cache, const std::string& name, krb5_flags options) {
    auto server = service_principal(context_, name);
    if (!server) return nsutil::propagate(server);
    krb5_creds wanted = {};
    wanted.client = const_cast<krb5_principal>(cache.principal());
    wanted.server = server->get();
    krb5_creds* got = nullptr;
    if (examination_ != nullptr) options |= KRB5_GC_NO_STORE;
    if (const auto error = krb5_get_credentials(context_, options, cache.ccache(), &wanted, &got)) {
        const bool whole = name.find('/') != std::string::npos;
        return fail_krb5(context_, error, "ticket for " + (whole ? name : "cifs/" + name));
    }
    return adopt<Creds>(context_, got);
}

std::vector<std::string> Locator::names_for(std::string_view realm) const {
    auto names = services_;
    if (!names.empty()) return names;
    names.push_back(query_.host);
    if (!is_unqualified(query_.host)) return names;
    if (auto name = canonical_name(query_.host)) names.push_back(std::move(*name));
    const auto domain = in_domain_of(query_.host, realm);
    if (std::ranges::find(names, domain) == names.end()) names.push_back(domain);
    return names;
}

std::string Locator::print_service(const std::string& name) const {
    const auto principal = service_principal(context_, name);
    return principal ? print_principal(context_, principal->get()) : name;
}

Result<Creds> Locator::ask_for_any(const ExaminedCcache& cache) {
    const auto names = names_for(text_of(cache.principal()->realm));
    // A ticket that is there already is better than a question, whatever its name.
    if (names.size() > 1)
        for (const auto& name : names)
            if (auto ticket = ask(cache, name, KRB5_GC_CACHED)) return ticket;
    announce_wait();
    auto ticket = ask(cache, names.front(), 0);
    for (std::size_t at = 1; at < names.size() && !ticket && is_unknown_service(ticket.error()); ++at)
        ticket = ask(cache, names[at], 0);
    if (!ticket && query_.trust_dns && is_unknown_service(ticket.error())) {
        auto other = reverse_name(query_.address);
        if (other && std::ranges::find(names, *other) == names.end()) ticket = ask(cache, *other, 0);
    }
    return ticket;
}

Result<LocatedTicket> Locator::use(FoundCcache& found) {
    LocatedTicket located;
    located.client = found.cache.principal_name();
    located.ticket = found.cache.take_service_ticket();
    if (located.ticket == nullptr && examination_ != nullptr) {
        const auto realm = text_of(found.cache.principal()->realm);
        auto reached = examination_->reach(realm);
        if (!examination_->with_ticket) {
            if (!reached) return nsutil::propagate(reached);
            located.server = print_service(names_for(realm).front());
            return located;
        }
    }
    if (located.ticket == nullptr) {
        auto ticket = ask_for_any(found.cache);
        if (!ticket) return nsutil::propagate(ticket);
        located.ticket = std::move(*ticket);
    }
    located.server = print_principal(context_, located.ticket->server);
    return located;
}

}  // namespace nsupcall
