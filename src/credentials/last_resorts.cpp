/// @file
/// The locator's last resorts: what is asked where no ccache served.

#include <array>
#include <string>

#include "credentials/gss_proxy.hpp"
#include "credentials/kept_tickets.hpp"
#include "credentials/keytab_source.hpp"
#include "credentials/locator.hpp"

namespace nsupcall {

using nsutil::Result;

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
    if (!decided_)
        if (auto served = from_kept_tickets(plan)) return served;
    if (!asks_kdc()) return look_at_keytab(plan, trusted ? std::string() : plan.name);
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

Locator::Served Locator::look_at_keytab(const KeytabPlan& plan, const std::string& shown_name) {
    Candidate candidate{plan.source, shown_name, Verdict::good, {}, 0, {}};
    auto principal = principal_in_keytab(context_, plan);
    Served served;
    if (!principal) {
        candidate.verdict = verdict_of(principal.error().code);
        candidate.detail = principal.error().what;
    } else {
        candidate.principal = *principal;
        const auto realm = principal->substr(principal->rfind('@') + 1);
        const auto reached = decided_ ? Result<void>() : examination_->reach(realm);
        if (!reached) {
            candidate.verdict = Verdict::kdc_unreachable;
            candidate.detail = reached.error().what;
        } else if (!decided_) {
            candidate.verdict = Verdict::used;
            served.emplace();
            served->client = *principal;
            served->server = print_service(names_for(realm).front());
        }
    }
    collector_.note(std::move(candidate));
    return served;
}

std::vector<KeytabPlan> Locator::keytab_plans() {
    const auto& settings = query_.settings;
    const auto user = collector_.wanted_user();
    std::string principal;
    if (!settings.principal.empty())
        if (auto expanded = expand(settings.principal, variables_)) principal = std::move(*expanded);
    std::vector<KeytabPlan> plans;
    const auto add = [&](const std::string& source, std::string name, bool first_entry) {
        plans.push_back({source, std::move(name), user, principal, first_entry});
    };
    if (!query_.rule_keytab.empty())
        add("keytab of rule " + settings.rule, query_.rule_keytab, settings.keytab_first_entry);
    if (!query_.host_keytab.empty())
        add("keytab of the host", query_.host_keytab, settings.keytab_first_entry || user.empty());

    // Those of the namespace. A client keytab is made for its first entry (as libkrb5 has it); a server's
    // is the machine's identity, which nobody gets without being named.
    const auto with_type = [](const std::string& name) { return CcacheName::split(name).full(); };
    const bool first = !collector_.must_match_user();
    if (query_.environment.client_keytab)
        add("KRB5_CLIENT_KTNAME", with_type(*query_.environment.client_keytab), first);
    constexpr int kNameMost = 4096;
    std::array<char, kNameMost> name = {};
    krb5_keytab raw = nullptr;
    if (krb5_kt_client_default(context_, &raw) == 0) {
        const auto keytab = adopt<Keytab>(context_, raw);
        if (krb5_kt_get_name(context_, raw, name.data(), name.size()) == 0)
            add("default client keytab", with_type(name.data()), first);
    }
    if (query_.environment.keytab)
        add("KRB5_KTNAME", with_type(*query_.environment.keytab), settings.keytab_first_entry);
    if (krb5_kt_default_name(context_, name.data(), static_cast<int>(name.size())) == 0)
        add("default keytab", with_type(name.data()), settings.keytab_first_entry);
    return plans;
}

Locator::Served Locator::from_keytabs() {
    Served served;
    for (const auto& plan : keytab_plans()) {
        auto one = from_keytab(plan);
        if (served || !one) continue;
        served = std::move(one);
        if (examination_ == nullptr) break;
        decided_ = true;
    }
    return served;
}

Locator::Served Locator::last_resort(Source source) {
    return source == Source::keytab ? from_keytabs() : from_gssproxy();
}

Locator::Served Locator::from_gssproxy() {
    if (!gssproxy_is_loaded()) return std::nullopt;
    if (!asks_kdc()) {
        collector_.note({"gssproxy", {}, Verdict::not_considered, {}, 0, "asked for a token only"});
        return std::nullopt;
    }
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
