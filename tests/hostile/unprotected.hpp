#pragma once
/// @file
/// A reader without any precaution: what a hostile file does to it.

#include <krb5.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "support/container.hpp"
#include "support/must.hpp"

namespace nsupcall::test {

enum class Fate : std::uint8_t {
    read = 0,     ///< it opened the ccache, and it is of the principal that was named
    nothing = 1,  ///< it ended without that
    hung = 42,    ///< it had not ended after a second
};

/// For a child of the container's.
inline Fate read_with_krb5(const std::string& name, const std::string& of) {
    krb5_context context = nullptr;
    krb5_ccache ccache = nullptr;
    krb5_principal principal = nullptr, wanted = nullptr;
    if (::krb5_init_secure_context(&context) != 0) return Fate::nothing;
    if (::krb5_cc_resolve(context, name.c_str(), &ccache) != 0) return Fate::nothing;
    if (::krb5_cc_get_principal(context, ccache, &principal) != 0) return Fate::nothing;
    if (::krb5_parse_name(context, of.c_str(), &wanted) != 0) return Fate::nothing;
    return ::krb5_principal_compare(context, principal, wanted) != 0 ? Fate::read : Fate::nothing;
}

/// Has libkrb5 alone open a ccache as `uid`, in the same place as the helper will.
/// @param of  the principal that is expected
inline Fate read_unprotected(const Container& container, std::uint32_t uid, const std::string& ccache,
                             const std::string& of) {
    const auto watched = [&] {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(static_cast<int>(read_with_krb5(ccache, of)));
        for (int tenths = 0; tenths < 10; ++tenths) {
            int status = 0;
            if (::waitpid(child, &status, WNOHANG) == child)
                return WIFEXITED(status) ? WEXITSTATUS(status) : static_cast<int>(Fate::nothing);
            (void)::usleep(100'000);
        }
        // Nobody waits for it: it may be beyond signals.
        (void)::kill(child, SIGKILL);
        return static_cast<int>(Fate::hung);
    };
    return static_cast<Fate>(must(container.run(watched, uid, uid)));
}

}  // namespace nsupcall::test
