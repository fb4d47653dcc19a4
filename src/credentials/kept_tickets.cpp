#include "credentials/kept_tickets.hpp"

#include <cstdint>
#include <cstring>

namespace nsupcall {
namespace {

constexpr unsigned kTicketsMost = 16;

void append(nsutil::SecretBytes& out, const void* data, std::size_t size) {
    const auto* bytes = static_cast<const std::byte*>(data);
    out.insert(out.end(), bytes, bytes + size);
}

}  // namespace

nsutil::SecretBytes pack_tickets(krb5_context context, krb5_ccache ccache) {
    nsutil::SecretBytes out;
    krb5_cc_cursor cursor = nullptr;
    if (krb5_cc_start_seq_get(context, ccache, &cursor) != 0) return {};
    krb5_creds ticket = {};
    for (unsigned count = 0; count < kTicketsMost; ++count) {
        if (krb5_cc_next_cred(context, ccache, &cursor, &ticket) != 0) break;
        krb5_data* packed = nullptr;
        if (krb5_is_config_principal(context, ticket.server) == 0 &&
            krb5_marshal_credentials(context, &ticket, &packed) == 0) {
            const std::uint32_t size = packed->length;
            append(out, &size, sizeof size);
            append(out, packed->data, packed->length);
            ::explicit_bzero(packed->data, packed->length);
            krb5_free_data(context, packed);
        }
        krb5_free_cred_contents(context, &ticket);
    }
    (void)krb5_cc_end_seq_get(context, ccache, &cursor);
    if (out.size() > kKeptBytesMost) return {};
    return out;
}

nsutil::Result<Ccache> unpack_tickets(krb5_context context, const nsutil::SecretBytes& bytes) {
    const auto bad = [] { return nsutil::fail(EINVAL, "the kept tickets are malformed"); };
    Ccache ccache;
    Principal client;
    std::size_t at = 0;
    for (unsigned count = 0; at < bytes.size() && count < kTicketsMost; ++count) {
        std::uint32_t size = 0;
        if (bytes.size() - at < sizeof size) return bad();
        std::memcpy(&size, &bytes[at], sizeof size);
        at += sizeof size;
        if (size > bytes.size() - at) return bad();
        // libkrb5 only reads from here.
        const krb5_data packed = {KV5M_DATA, size,
                                  const_cast<char*>(reinterpret_cast<const char*>(bytes.data() + at))};
        at += size;
        krb5_creds* raw = nullptr;
        if (krb5_unmarshal_credentials(context, &packed, &raw) != 0) return bad();
        const auto ticket = adopt<Creds>(context, raw);
        if (ccache == nullptr) {
            krb5_ccache made = nullptr;
            krb5_principal copy = nullptr;
            if (const auto error = krb5_cc_new_unique(context, "MEMORY", nullptr, &made))
                return fail_krb5(context, error, "MEMORY ccache");
            ccache = adopt<Ccache>(context, made);
            if (const auto error = krb5_copy_principal(context, raw->client, &copy))
                return fail_krb5(context, error, "kept tickets");
            client = adopt<Principal>(context, copy);
            if (const auto error = krb5_cc_initialize(context, made, copy))
                return fail_krb5(context, error, "kept tickets");
        } else if (krb5_principal_compare(context, client.get(), raw->client) == 0) {
            return bad();
        }
        if (const auto error = krb5_cc_store_cred(context, ccache.get(), raw))
            return fail_krb5(context, error, "kept tickets");
    }
    if (ccache == nullptr) return bad();
    return ccache;
}

}  // namespace nsupcall
