#include "unique_ccaches.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace {

std::vector<std::string>& names() {
    static std::vector<std::string> all;
    return all;
}

}  // namespace

/// In front of libkrb5's: the name is told to nobody else where the caller fails afterwards.
extern "C" krb5_error_code krb5_cc_new_unique(krb5_context context, const char* type, const char* hint,
                                              krb5_ccache* id) {
    const auto next =
        reinterpret_cast<decltype(&::krb5_cc_new_unique)>(::dlsym(RTLD_NEXT, "krb5_cc_new_unique"));
    const krb5_error_code error = next == nullptr ? ENOSYS : next(context, type, hint, id);
    char* name = nullptr;
    if (error == 0 && krb5_cc_get_full_name(context, *id, &name) == 0) {
        names().emplace_back(name);
        krb5_free_string(context, name);
    }
    return error;
}

namespace nsupcall::test {

unsigned unique_ccaches(krb5_context context) {
    return static_cast<unsigned>(
        std::ranges::count_if(names(), [&](const std::string& name) { return is_there(context, name); }));
}

bool is_there(krb5_context context, const std::string& full_name) {
    krb5_ccache ccache = nullptr;
    if (krb5_cc_resolve(context, full_name.c_str(), &ccache) != 0) return false;
    krb5_principal principal = nullptr;
    const bool there = krb5_cc_get_principal(context, ccache, &principal) == 0;
    krb5_free_principal(context, principal);
    // Asking for a name has made one where there was none.
    (void)(there ? krb5_cc_close(context, ccache) : krb5_cc_destroy(context, ccache));
    return there;
}

}  // namespace nsupcall::test
