#include "credentials/keytab_source.hpp"

namespace nsupcall {
namespace {

constexpr unsigned kEntriesMost = 4096;
constexpr const char* kMemoryKeytab = "MEMORY:nsupcall-host-keytab";

using nsutil::Result;

Result<Keytab> resolve(krb5_context context, const std::string& name) {
    krb5_keytab raw = nullptr;
    if (const auto error = krb5_kt_resolve(context, name.c_str(), &raw))
        return fail_krb5(context, error, "keytab " + name);
    return adopt<Keytab>(context, raw);
}

/// Copies every entry. @return how many there were
Result<unsigned> copy_entries(krb5_context context, krb5_keytab from, krb5_keytab to) {
    krb5_kt_cursor cursor;
    if (const auto error = krb5_kt_start_seq_get(context, from, &cursor))
        return fail_krb5(context, error, "read the keytab");
    unsigned count = 0;
    krb5_error_code error = 0;
    while (error == 0 && count < kEntriesMost) {
        krb5_keytab_entry entry = {};
        error = krb5_kt_next_entry(context, from, &entry, &cursor);
        if (error != 0) break;
        error = krb5_kt_add_entry(context, to, &entry);
        (void)krb5_free_keytab_entry_contents(context, &entry);
        ++count;
    }
    (void)krb5_kt_end_seq_get(context, from, &cursor);
    if (error != 0 && error != KRB5_KT_END) return fail_krb5(context, error, "read the keytab");
    return count;
}

Result<Principal> first_principal(krb5_context context, krb5_keytab keytab) {
    krb5_kt_cursor cursor;
    if (const auto error = krb5_kt_start_seq_get(context, keytab, &cursor))
        return fail_krb5(context, error, "read the keytab");
    krb5_keytab_entry entry = {};
    const auto error = krb5_kt_next_entry(context, keytab, &entry, &cursor);
    krb5_principal copy = nullptr;
    const auto copied = error == 0 ? krb5_copy_principal(context, entry.principal, &copy) : error;
    if (error == 0) (void)krb5_free_keytab_entry_contents(context, &entry);
    (void)krb5_kt_end_seq_get(context, keytab, &cursor);
    if (copied != 0) return fail_krb5(context, copied, "first entry of the keytab");
    return adopt<Principal>(context, copy);
}

Result<Principal> parse_user(krb5_context context, const std::string& user) {
    krb5_principal raw = nullptr;
    if (const auto error = krb5_parse_name(context, user.c_str(), &raw))
        return fail_krb5(context, error, "principal of the user");
    return adopt<Principal>(context, raw);
}

}  // namespace

Result<std::string> load_host_keytab(const std::string& path) {
    krb5_context raw = nullptr;
    if (const auto error = krb5_init_secure_context(&raw))
        return fail_krb5(nullptr, error, "krb5.conf of the host");
    const Krb5Context context(raw);
    auto file = resolve(raw, path.starts_with("FILE:") ? path : "FILE:" + path);
    if (!file) return nsutil::propagate(file);
    auto memory = resolve(raw, kMemoryKeytab);
    if (!memory) return nsutil::propagate(memory);
    auto count = copy_entries(raw, file->get(), memory->get());
    if (!count) return nsutil::propagate(count, path);
    if (*count == 0) return nsutil::fail(ENOKEY, path + ": the keytab is empty");
    // Not closed: the last reference would take the entries along.
    (void)memory->release();
    return kMemoryKeytab;
}

Result<Ccache> credentials_from_keytab(krb5_context context, const std::string& keytab_name,
                                       const std::string& user) {
    auto keytab = resolve(context, keytab_name);
    if (!keytab) return nsutil::propagate(keytab);
    auto principal = user.empty() ? first_principal(context, keytab->get()) : parse_user(context, user);
    if (!principal) return nsutil::propagate(principal);

    krb5_get_init_creds_opt* raw_options = nullptr;
    if (const auto error = krb5_get_init_creds_opt_alloc(context, &raw_options))
        return fail_krb5(context, error, "options");
    const Krb5Handle<krb5_get_init_creds_opt*, krb5_get_init_creds_opt_free> options(raw_options, {context});
    krb5_ccache raw_cache = nullptr;
    if (const auto error = krb5_cc_new_unique(context, "MEMORY", nullptr, &raw_cache))
        return fail_krb5(context, error, "MEMORY ccache");
    auto ccache = adopt<Ccache>(context, raw_cache);
    krb5_get_init_creds_opt_set_forwardable(raw_options, 0);
    if (const auto error = krb5_get_init_creds_opt_set_out_ccache(context, raw_options, raw_cache))
        return fail_krb5(context, error, "MEMORY ccache");
    krb5_creds creds = {};
    const auto error =
        krb5_get_init_creds_keytab(context, &creds, principal->get(), keytab->get(), 0, nullptr, raw_options);
    krb5_free_cred_contents(context, &creds);
    if (error != 0)
        return fail_krb5(context, error,
                         "ticket for " + print_principal(context, principal->get()) + " by keytab");
    return ccache;
}

}  // namespace nsupcall
