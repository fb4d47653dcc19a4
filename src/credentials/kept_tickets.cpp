#include "credentials/kept_tickets.hpp"

#include <cstring>

namespace nsupcall {
namespace {

using nsutil::fail;
using nsutil::Result;

void append(nsutil::SecretBytes& out, const void* data, std::size_t size) {
    const auto length = static_cast<std::uint32_t>(size);
    const auto at = out.size();
    out.resize(at + sizeof length + size);
    std::memcpy(out.data() + at, &length, sizeof length);
    if (size > 0) std::memcpy(out.data() + at + sizeof length, data, size);
}

/// Takes the next piece off the front. @return false where there is none
bool take(std::span<const std::byte>& rest, std::span<const std::byte>& piece) {
    std::uint32_t length = 0;
    if (rest.size() < sizeof length) return false;
    std::memcpy(&length, rest.data(), sizeof length);
    rest = rest.subspan(sizeof length);
    if (length > rest.size()) return false;
    piece = rest.first(length);
    rest = rest.subspan(length);
    return true;
}

}  // namespace

nsutil::SecretBytes export_tickets(krb5_context context, krb5_ccache ccache, std::string_view label) {
    nsutil::SecretBytes out;
    append(out, label.data(), label.size());
    krb5_cc_cursor cursor = nullptr;
    if (krb5_cc_start_seq_get(context, ccache, &cursor) != 0) return {};
    unsigned count = 0;
    krb5_creds ticket = {};
    while (krb5_cc_next_cred(context, ccache, &cursor, &ticket) == 0) {
        krb5_data* encoded = nullptr;
        // Entries of libkrb5's own about the cache are no tickets.
        const bool wanted = krb5_is_config_principal(context, ticket.server) == 0;
        const bool encodes = wanted && krb5_marshal_credentials(context, &ticket, &encoded) == 0;
        krb5_free_cred_contents(context, &ticket);
        if (!encodes) continue;
        append(out, encoded->data, encoded->length);
        ::explicit_bzero(encoded->data, encoded->length);
        krb5_free_data(context, encoded);
        if (++count > kKeptTicketsMost || out.size() > kKeptBytesMost) break;
    }
    (void)krb5_cc_end_seq_get(context, ccache, &cursor);
    if (count == 0 || count > kKeptTicketsMost || out.size() > kKeptBytesMost) return {};
    return out;
}

Result<Ccache> import_tickets(krb5_context context, std::span<const std::byte> bytes,
                              std::string_view label) {
    std::span<const std::byte> rest = bytes, piece;
    if (bytes.size() > kKeptBytesMost || !take(rest, piece)) return fail(EINVAL, "kept tickets: malformed");
    if (std::string_view(reinterpret_cast<const char*>(piece.data()), piece.size()) != label)
        return adopt<Ccache>(context, static_cast<krb5_ccache>(nullptr));
    krb5_ccache raw = nullptr;
    if (const auto error = krb5_cc_new_unique(context, "MEMORY", nullptr, &raw))
        return fail_krb5(context, error, "MEMORY ccache");
    auto ccache = adopt<Ccache>(context, raw);
    unsigned count = 0;
    while (!rest.empty()) {
        if (++count > kKeptTicketsMost || !take(rest, piece)) return fail(EINVAL, "kept tickets: malformed");
        krb5_data encoded = {};
        encoded.length = static_cast<unsigned>(piece.size());
        encoded.data = const_cast<char*>(reinterpret_cast<const char*>(piece.data()));
        krb5_creds* ticket = nullptr;
        if (krb5_unmarshal_credentials(context, &encoded, &ticket) != 0)
            return fail(EINVAL, "kept tickets: malformed");
        const auto owned = adopt<Creds>(context, ticket);
        // The first is the TGT: whose it is, the cache is.
        if (ticket->client == nullptr || ticket->server == nullptr ||
            (count == 1 && krb5_cc_initialize(context, raw, ticket->client) != 0) ||
            krb5_cc_store_cred(context, raw, ticket) != 0)
            return fail(EINVAL, "kept tickets: malformed");
    }
    if (count == 0) return fail(EINVAL, "kept tickets: there are none");
    return ccache;
}

}  // namespace nsupcall
