#include "credentials/examined_ccache.hpp"

#include <strings.h>

#include <algorithm>
#include <string_view>

namespace nsupcall {
namespace {

std::string_view text_of(const krb5_data& data) {
    return {data.data, data.length};
}

/// Ticket times are unsigned since libkrb5 1.16: they reach to the year 2106.
std::int64_t seconds(krb5_timestamp time) {
    return static_cast<std::uint32_t>(time);
}

bool same_host(std::string_view a, std::string_view b) {
    // NOLINTNEXTLINE(bugprone-suspicious-stringview-data-usage): the size goes with it
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

bool is_service(krb5_const_principal server, std::span<const std::string> hosts) {
    return server->length == 2 && text_of(server->data[0]) == "cifs" &&
           std::ranges::any_of(
               hosts, [&](const std::string& host) { return same_host(text_of(server->data[1]), host); });
}

bool is_tgt(krb5_const_principal server, krb5_const_principal client) {
    return server->length == 2 && text_of(server->data[0]) == KRB5_TGS_NAME &&
           text_of(server->data[1]) == text_of(client->realm) &&
           text_of(server->realm) == text_of(client->realm);
}

}  // namespace

void ExaminedCcache::weigh(krb5_context context, const krb5_creds& ticket, std::span<const std::string> hosts,
                           krb5_timestamp now) {
    if (krb5_is_config_principal(context, ticket.server) != 0) return;
    const bool service = is_service(ticket.server, hosts);
    const bool tgt = is_tgt(ticket.server, principal_.get());
    if (!service && !tgt) return;
    if (ticket.is_skey != 0 || (ticket.ticket_flags & TKT_FLG_INVALID) != 0) return;
    const std::int64_t end = seconds(ticket.times.endtime);
    latest_end_ = std::max(latest_end_, end);
    if (end <= seconds(now) || seconds(ticket.times.starttime) > seconds(now)) return;
    if (tgt) valid_tgt_ = true;
    if (service && (service_ticket_ == nullptr || seconds(service_ticket_->times.endtime) < end)) {
        krb5_creds* copy = nullptr;
        if (krb5_copy_creds(context, &ticket, &copy) == 0) service_ticket_ = adopt<Creds>(context, copy);
    }
}

nsutil::Result<ExaminedCcache> ExaminedCcache::read(krb5_context context, Ccache ccache,
                                                    std::span<const std::string> hosts) {
    ExaminedCcache examined;
    krb5_principal principal = nullptr;
    if (const auto error = krb5_cc_get_principal(context, ccache.get(), &principal))
        return fail_krb5(context, error, "read the ccache");
    examined.principal_ = adopt<Principal>(context, principal);
    examined.principal_name_ = print_principal(context, principal);

    krb5_timestamp now = 0;
    if (const auto error = krb5_timeofday(context, &now)) return fail_krb5(context, error, "read the clock");
    krb5_cc_cursor cursor = nullptr;
    if (const auto error = krb5_cc_start_seq_get(context, ccache.get(), &cursor))
        return fail_krb5(context, error, "read the ccache");
    krb5_error_code error = 0;
    for (unsigned count = 0; count < kTicketsMost; ++count) {
        krb5_creds ticket = {};
        error = krb5_cc_next_cred(context, ccache.get(), &cursor, &ticket);
        if (error != 0) break;
        examined.weigh(context, ticket, hosts, now);
        krb5_free_cred_contents(context, &ticket);
    }
    (void)krb5_cc_end_seq_get(context, ccache.get(), &cursor);
    // A tail that was cut off in the middle of being written costs only what lies in it.
    if (error != 0 && error != KRB5_CC_END && !examined.usable())
        return fail_krb5(context, error, "read the ccache");
    examined.ccache_ = std::move(ccache);
    return examined;
}

}  // namespace nsupcall
