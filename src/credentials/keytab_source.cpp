#include "credentials/keytab_source.hpp"

#include <functional>

namespace nsupcall {
namespace {

constexpr unsigned kEntriesMost = 4096;

using nsutil::Result;

/// What is in memory for as long as somebody holds it.
template <class Owner>
struct Held {
    Krb5Context context;
    Owner handle;
};

Result<Keytab> resolve(krb5_context context, const std::string& name) {
    krb5_keytab raw = nullptr;
    if (const auto error = krb5_kt_resolve(context, name.c_str(), &raw))
        return fail_krb5(context, error, "keytab " + name);
    return adopt<Keytab>(context, raw);
}

/// Calls `visit(entry)` for every entry until it returns something else than 0. @return how many there were
Result<unsigned> for_each_entry(krb5_context context, krb5_keytab keytab,
                                const std::function<krb5_error_code(krb5_keytab_entry&)>& visit) {
    krb5_kt_cursor cursor = nullptr;
    if (const auto error = krb5_kt_start_seq_get(context, keytab, &cursor))
        return fail_krb5(context, error, "read the keytab");
    unsigned count = 0;
    krb5_error_code error = 0;
    while (error == 0 && count < kEntriesMost) {
        krb5_keytab_entry entry = {};
        error = krb5_kt_next_entry(context, keytab, &entry, &cursor);
        if (error != 0) break;
        error = visit(entry);
        (void)krb5_free_keytab_entry_contents(context, &entry);
        ++count;
    }
    (void)krb5_kt_end_seq_get(context, keytab, &cursor);
    if (error != 0 && error != KRB5_KT_END) return fail_krb5(context, error, "read the keytab");
    return count;
}

/// The first entry whose principal `accept` takes. @return null where none does
Result<Principal> find_principal(krb5_context context, krb5_keytab keytab,
                                 const std::function<bool(krb5_const_principal)>& accept) {
    krb5_principal copy = nullptr;
    auto done = for_each_entry(context, keytab, [&](krb5_keytab_entry& entry) -> krb5_error_code {
        if (!accept(entry.principal)) return 0;
        const auto error = krb5_copy_principal(context, entry.principal, &copy);
        return error != 0 ? error : krb5_error_code{KRB5_KT_END};
    });
    if (!done) return nsutil::propagate(done);
    return adopt<Principal>(context, copy);
}

Result<Principal> find_named(krb5_context context, krb5_keytab keytab, const std::string& name) {
    krb5_principal raw = nullptr;
    // A bare name gets the default realm; without one in krb5.conf it is still good for a comparison.
    if (krb5_parse_name(context, name.c_str(), &raw) != 0 &&
        krb5_parse_name_flags(context, name.c_str(), KRB5_PRINCIPAL_PARSE_NO_REALM, &raw) != 0)
        return adopt<Principal>(context, static_cast<krb5_principal>(nullptr));
    const auto wanted = adopt<Principal>(context, raw);
    auto exact = find_principal(context, keytab, [&](krb5_const_principal one) {
        return krb5_principal_compare(context, one, raw) != 0;
    });
    if (!exact || *exact != nullptr || name.find('@') != std::string::npos) return exact;
    return find_principal(context, keytab, [&](krb5_const_principal one) {
        return krb5_principal_compare_any_realm(context, one, raw) != 0;
    });
}

Result<Principal> choose_principal(krb5_context context, krb5_keytab keytab, const KeytabPlan& plan) {
    for (const auto& name : {plan.user, plan.principal}) {
        if (name.empty()) continue;
        auto found = find_named(context, keytab, name);
        if (!found || *found != nullptr) return found;
    }
    if (plan.first_entry) {
        auto found = find_principal(context, keytab, [](krb5_const_principal) { return true; });
        if (!found || *found != nullptr) return found;
        return nsutil::fail(ENOKEY, "the keytab is empty");
    }
    std::string wanted = plan.user;
    if (!plan.principal.empty()) wanted += (wanted.empty() ? "" : " or ") + plan.principal;
    return nsutil::fail(ENOKEY, wanted.empty() ? "nothing says for whom the keytab is to be used"
                                               : "the keytab holds no key for " + wanted);
}

}  // namespace

Result<HostCopy> load_host_keytab(const std::string& path, const std::string& memory_name) {
    krb5_context raw = nullptr;
    if (const auto error = krb5_init_secure_context(&raw))
        return fail_krb5(nullptr, error, "krb5.conf of the host");
    Krb5Context context(raw);
    auto file = resolve(raw, path.starts_with("FILE:") ? path : "FILE:" + path);
    if (!file) return nsutil::propagate(file);
    auto memory = resolve(raw, memory_name);
    if (!memory) return nsutil::propagate(memory);
    auto count = for_each_entry(raw, file->get(), [&](krb5_keytab_entry& entry) {
        return krb5_kt_add_entry(raw, memory->get(), &entry);
    });
    if (!count) return nsutil::propagate(count, path);
    if (*count == 0) return nsutil::fail(ENOKEY, path + ": the keytab is empty");
    return std::make_shared<Held<Keytab>>(std::move(context), std::move(*memory));
}

Result<HostCopy> load_host_ccache(const std::string& path, const std::string& memory_name) {
    krb5_context raw = nullptr;
    if (const auto error = krb5_init_secure_context(&raw))
        return fail_krb5(nullptr, error, "krb5.conf of the host");
    Krb5Context context(raw);
    krb5_ccache raw_file = nullptr, raw_memory = nullptr;
    if (const auto error = krb5_cc_resolve(raw, ("FILE:" + path).c_str(), &raw_file))
        return fail_krb5(raw, error, path);
    const auto file = adopt<Ccache>(raw, raw_file);
    krb5_principal raw_principal = nullptr;
    if (const auto error = krb5_cc_get_principal(raw, raw_file, &raw_principal))
        return fail_krb5(raw, error, path);
    const auto principal = adopt<Principal>(raw, raw_principal);
    if (const auto error = krb5_cc_resolve(raw, memory_name.c_str(), &raw_memory))
        return fail_krb5(raw, error, memory_name);
    auto memory = adopt<Ccache>(raw, raw_memory);
    if (const auto error = krb5_cc_initialize(raw, raw_memory, raw_principal))
        return fail_krb5(raw, error, memory_name);
    if (const auto error = krb5_cc_copy_creds(raw, raw_file, raw_memory)) return fail_krb5(raw, error, path);
    return std::make_shared<Held<Ccache>>(std::move(context), std::move(memory));
}

Result<std::string> principal_in_keytab(krb5_context context, const KeytabPlan& plan) {
    auto keytab = resolve(context, plan.name);
    if (!keytab) return nsutil::propagate(keytab);
    auto principal = choose_principal(context, keytab->get(), plan);
    if (!principal) return nsutil::propagate(principal);
    return print_principal(context, principal->get());
}

Result<Ccache> credentials_from_keytab(krb5_context context, const KeytabPlan& plan) {
    auto keytab = resolve(context, plan.name);
    if (!keytab) return nsutil::propagate(keytab);
    auto principal = choose_principal(context, keytab->get(), plan);
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
