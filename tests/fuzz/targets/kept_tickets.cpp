#include "credentials/kept_tickets.hpp"

#include "fuzz_target.hpp"

NSUPCALL_FUZZ_TARGET(kept_tickets) {
    using nsupcall::fuzz::require;
    static krb5_context context = [] {
        krb5_context made = nullptr;
        require(krb5_init_secure_context(&made) == 0);
        return made;
    }();
    auto ccache = nsupcall::import_tickets(context, input.bytes, "label");
    require(ccache || ccache.error().code == EINVAL);
    if (!ccache || *ccache == nullptr) return;
    // What was taken can be kept again, and means the same.
    const auto bytes = nsupcall::export_tickets(context, ccache->get(), "label");
    if (!bytes.empty()) {
        auto again = nsupcall::import_tickets(context, bytes, "label");
        require(again && *again != nullptr);
        (void)krb5_cc_destroy(context, again->release());
    }
    (void)krb5_cc_destroy(context, ccache->release());
}
