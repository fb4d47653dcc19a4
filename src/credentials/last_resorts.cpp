/// @file
/// The locator's last resorts: what is asked where no ccache served.

#include <array>
#include <string>

#include "credentials/gss_proxy.hpp"
#include "credentials/kept_tickets.hpp"
#include "credentials/keytab_source.hpp"
#include "credentials/locator.hpp"

namespace nsupcall {
namespace {

/// What tickets were made with: those of another keytab are not this one's.
std::string label_of(const KeytabPlan& plan) {
    return plan.source + " " + plan.name;
}

}  // namespace

Locator::Served Locator::from_kept_tickets(const KeytabPlan& plan) {
    if (!query_.settings.ticket_cache || query_.kept_tickets.empty()) return std::nullopt;
    auto ccache = import_tickets(context_, query_.kept_tickets, label_of(plan));
    if (!ccache) {
        collector_.note({"kept tickets", {}, verdict_of(ccache.error().code), {}, 0, ccache.error().what});
        return std::nullopt;
    }
    if (*ccache == nullptr) return std::nullopt;
    collector_.examine("kept tickets of " + plan.source, "MEMORY", std::move(*ccache));
    auto served = try_found();
    if (served) keep_tickets(plan, served);
    return served;
}

void Locator::keep_tickets(const KeytabPlan& plan, Served& served) {
    if (!query_.settings.ticket_cache || used_ == nullptr) return;
    auto tickets = export_tickets(context_, used_, label_of(plan));
    // Nothing new: what is kept may stay.
    if (tickets == query_.kept_tickets) return;
    served->tickets = std::move(tickets);
    for (const auto& candidate : collector_.candidates())
        if (candidate.verdict == Verdict::used) served->tickets_expire = candidate.expires;
}

Locator::Served Locator::from_keytab(const KeytabPlan& plan) {
    const auto trusted = plan.name.starts_with("MEMORY:");
    if (!trusted) {
        const auto name = CcacheName::split(plan.name);
        auto objection = object_to(name, query_.inside_uid);
        if (!objection && name.type != "FILE")
            objection = Objection{Verdict::unsupported, "only a file can be a keytab here"};
        if (objection) {
            // A machine's keytab that is root's alone is no reason why a user gets no ticket.
            if (plan.source.starts_with("default") && objection->verdict == Verdict::unreadable)
                objection = Objection{Verdict::not_considered, "only others may read it"};
            collector_.note({plan.source, plan.name, objection->verdict, {}, 0, objection->detail});
            return std::nullopt;
        }
    }
    if (auto served = from_kept_tickets(plan)) return served;
    announce_wait();
    auto made = credentials_from_keytab(context_, plan);
    if (!made) {
        collector_.note({plan.source,
                         trusted ? std::string() : plan.name,
                         verdict_of(made.error().code),
                         {},
                         0,
                         made.error().what});
        return std::nullopt;
    }
    collector_.examine(plan.source, trusted ? "MEMORY" : plan.name, std::move(*made));
    auto served = try_found();
    if (served) keep_tickets(plan, served);
    return served;
}

Locator::Served Locator::from_keytabs() {
    const auto& settings = query_.settings;
    const auto user = collector_.wanted_user();
    std::string principal;
    if (!settings.principal.empty())
        if (auto expanded = expand(settings.principal, variables_)) principal = std::move(*expanded);
    if (!query_.rule_keytab.empty())
        if (auto served = from_keytab({"keytab of rule " + settings.rule, query_.rule_keytab, user, principal,
                                       settings.keytab_first_entry}))
            return served;
    if (!query_.host_keytab.empty())
        if (auto served = from_keytab({"keytab of the host", query_.host_keytab, user, principal,
                                       settings.keytab_first_entry || user.empty()}))
            return served;

    // Those of the namespace. A client keytab is made for its first entry (as libkrb5 has it); a server's
    // is the machine's identity, which nobody gets without being named.
    const auto with_type = [](const std::string& name) { return CcacheName::split(name).full(); };
    const bool first = !collector_.must_match_user();
    if (query_.environment.client_keytab)
        if (auto served = from_keytab(
                {"KRB5_CLIENT_KTNAME", with_type(*query_.environment.client_keytab), user, principal, first}))
            return served;
    constexpr int kNameMost = 4096;
    std::array<char, kNameMost> name = {};
    krb5_keytab raw = nullptr;
    if (krb5_kt_client_default(context_, &raw) == 0) {
        const auto keytab = adopt<Keytab>(context_, raw);
        if (krb5_kt_get_name(context_, raw, name.data(), name.size()) == 0)
            if (auto served =
                    from_keytab({"default client keytab", with_type(name.data()), user, principal, first}))
                return served;
    }
    if (query_.environment.keytab)
        if (auto served = from_keytab({"KRB5_KTNAME", with_type(*query_.environment.keytab), user, principal,
                                       settings.keytab_first_entry}))
            return served;
    if (krb5_kt_default_name(context_, name.data(), static_cast<int>(name.size())) == 0)
        return from_keytab(
            {"default keytab", with_type(name.data()), user, principal, settings.keytab_first_entry});
    return std::nullopt;
}

Locator::Served Locator::from_gssproxy() {
    if (!gssproxy_is_loaded()) return std::nullopt;
    announce_wait();
    Candidate candidate{"gssproxy", {}, Verdict::used, {}, 0, {}};
    const auto name = services_.empty() ? query_.host : services_.front();
    const auto slash = name.find('/');
    auto token = token_from_gssproxy(
        slash == std::string::npos ? "cifs@" + name : name.substr(0, slash) + "@" + name.substr(slash + 1));
    Served served;
    if (!token) {
        candidate.verdict = verdict_of(token.error().code);
        candidate.detail = token.error().what;
    } else {
        candidate.principal = token->client;
        candidate.expires = token->expires;
        if (collector_.must_match_user() && token->client != collector_.wanted_user()) {
            candidate.verdict = Verdict::wrong_principal;
        } else {
            served.emplace();
            served->client = token->client;
            served->server = token->server;
            served->token = std::move(*token);
        }
    }
    collector_.note(std::move(candidate));
    return served;
}

}  // namespace nsupcall
