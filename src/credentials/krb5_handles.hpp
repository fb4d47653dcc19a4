#pragma once
/// @file
/// Ownership of libkrb5's objects, and its errors as ours.

#include <krb5.h>

#include <memory>
#include <string>

#include "nsutil/result.hpp"

namespace nsupcall {

/// Frees any libkrb5 object whose release function takes the context first.
template <auto Release>
struct Krb5Deleter {
    krb5_context context = nullptr;
    template <class Object>
    void operator()(Object* object) const {
        (void)Release(context, object);
    }
};

struct Krb5ContextDeleter {
    void operator()(krb5_context context) const { krb5_free_context(context); }
};
using Krb5Context = std::unique_ptr<std::remove_pointer_t<krb5_context>, Krb5ContextDeleter>;

template <class Handle, auto Release>
using Krb5Handle = std::unique_ptr<std::remove_pointer_t<Handle>, Krb5Deleter<Release>>;

/// Closes a ccache; destroys one in memory, which closing would leave in libkrb5's table, tickets and all.
krb5_error_code release_ccache(krb5_context context, krb5_ccache ccache);

using Ccache = Krb5Handle<krb5_ccache, release_ccache>;
using Keytab = Krb5Handle<krb5_keytab, krb5_kt_close>;
using Principal = Krb5Handle<krb5_principal, krb5_free_principal>;
using Creds = Krb5Handle<krb5_creds*, krb5_free_creds>;

/// Adopts `raw`. @pre made by `context`, which outlives the result
template <class Owner, class Raw>
[[nodiscard]] Owner adopt(krb5_context context, Raw raw) {
    return Owner(raw, {context});
}

/// A failure of libkrb5 with its message; `code` follows key_errno_of().
[[nodiscard]] std::unexpected<nsutil::Error> fail_krb5(
    krb5_context context, krb5_error_code error, std::string_view what,
    std::source_location where = std::source_location::current());

/// The errno that tells the kernel's user what a libkrb5 error means: ENOKEY, EKEYEXPIRED, EKEYREJECTED,
/// EACCES, EHOSTUNREACH, EINVAL or the errno that it is.
[[nodiscard]] int key_errno_of(krb5_error_code error);

/// "name@REALM", or an empty string where it cannot be printed.
[[nodiscard]] std::string print_principal(krb5_context context, krb5_const_principal principal);

/// The realm of who names none, by krb5.conf; an empty string where there is none.
[[nodiscard]] std::string default_realm(krb5_context context);

}  // namespace nsupcall
