#include "credentials/krb5_handles.hpp"

#include <profile.h>

#include <string_view>

namespace nsupcall {

krb5_error_code release_ccache(krb5_context context, krb5_ccache ccache) {
    const std::string_view type = krb5_cc_get_type(context, ccache);
    return type == "MEMORY" ? krb5_cc_destroy(context, ccache) : krb5_cc_close(context, ccache);
}

int key_errno_of(krb5_error_code error) {
    switch (error) {
        case KRB5_CC_NOTFOUND:
        case KRB5_FCC_NOFILE:
        case KRB5_CC_END:
        case KRB5_KT_NOTFOUND:
        case KRB5_CONFIG_CANTOPEN:
        case KRB5_CONFIG_NODEFREALM:
            return ENOKEY;
        case KRB5KRB_AP_ERR_TKT_EXPIRED:
        case KRB5KDC_ERR_KEY_EXP:
        case KRB5KDC_ERR_NAME_EXP:
            return EKEYEXPIRED;
        case KRB5_KDC_UNREACH:
        case KRB5_REALM_UNKNOWN:
        case KRB5_REALM_CANT_RESOLVE:
        // What libkrb5 makes of a name server that does not answer (EAI_AGAIN), and of sockets.
        case EAGAIN:
        case ECONNREFUSED:
        case ECONNRESET:
        case ENETUNREACH:
            return EHOSTUNREACH;
        case KRB5_FCC_PERM:
        case KRB5_CC_NOSUPP:
            return EACCES;
        case KRB5_CC_FORMAT:
        case KRB5_CC_BADNAME:
        case KRB5_CC_UNKNOWN_TYPE:
        case KRB5_CCACHE_BADVNO:
        case KRB5_CONFIG_BADFORMAT:
            return EINVAL;
        default:
            break;
    }
    // libkrb5 hands errno through where a system call failed.
    constexpr krb5_error_code kErrnoMost = 4095;
    if (error == ENOENT) return ENOKEY;
    if (error == EPERM) return EACCES;
    if (error > 0 && error <= kErrnoMost) return error;
    // The profile library's table: something is wrong with krb5.conf.
    if (error >= PROF_VERSION && error < PROF_VERSION + 256) return EINVAL;
    return EKEYREJECTED;
}

std::unexpected<nsutil::Error> fail_krb5(krb5_context context, krb5_error_code error, std::string_view what,
                                         std::source_location where) {
    std::string text(what);
    if (const char* message = krb5_get_error_message(context, error)) {
        text += ": ";
        text += message;
        krb5_free_error_message(context, message);
    }
    return std::unexpected(
        nsutil::Error{key_errno_of(error), nsutil::ErrorDomain::krb5, error, std::move(text), where});
}

std::string print_principal(krb5_context context, krb5_const_principal principal) {
    char* name = nullptr;
    if (krb5_unparse_name(context, principal, &name) != 0) return {};
    std::string text(name);
    krb5_free_unparsed_name(context, name);
    return text;
}

std::string default_realm(krb5_context context) {
    char* realm = nullptr;
    if (krb5_get_default_realm(context, &realm) != 0) return {};
    std::string text(realm);
    krb5_free_default_realm(context, realm);
    return text;
}

}  // namespace nsupcall
