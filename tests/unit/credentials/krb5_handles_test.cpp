#include "credentials/krb5_handles.hpp"

#include <gtest/gtest.h>
#include <profile.h>

namespace nsupcall {
namespace {

TEST(KeyErrno, OfLibkrb5sErrors) {
    struct {
        krb5_error_code error;
        int code;
    } const cases[] = {
        {KRB5_CC_NOTFOUND, ENOKEY},
        {KRB5_FCC_NOFILE, ENOKEY},
        {KRB5_KT_NOTFOUND, ENOKEY},
        {KRB5KRB_AP_ERR_TKT_EXPIRED, EKEYEXPIRED},
        {KRB5_KDC_UNREACH, EHOSTUNREACH},
        {KRB5_REALM_CANT_RESOLVE, EHOSTUNREACH},
        {KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN, EKEYREJECTED},
        {KRB5KDC_ERR_CLIENT_REVOKED, EKEYREJECTED},
        {KRB5KDC_ERR_PREAUTH_FAILED, EKEYREJECTED},
        {KRB5KDC_ERR_POLICY, EKEYREJECTED},
        {KRB5_FCC_PERM, EACCES},
        {KRB5_CC_FORMAT, EINVAL},
        {KRB5_CC_UNKNOWN_TYPE, EINVAL},
        {KRB5_CONFIG_BADFORMAT, EINVAL},
        {PROF_SECTION_SYNTAX, EINVAL},
        {ENOENT, ENOKEY},
        {EPERM, EACCES},
        {EACCES, EACCES},
        {ENOMEM, ENOMEM},
        {-1, EKEYREJECTED},
    };
    for (const auto& [error, code] : cases) EXPECT_EQ(code, key_errno_of(error)) << error;
}

TEST(KeyErrno, IsAnErrnoForEveryError) {
    for (const long base : {long{ERROR_TABLE_BASE_krb5}, long{PROF_VERSION}, 0L})
        for (long error = base - 300; error < base + 300; ++error) {
            if (error == 0) continue;  // no error
            const int code = key_errno_of(static_cast<krb5_error_code>(error));
            ASSERT_GT(code, 0) << error;
            ASSERT_LE(code, 4095) << error;
        }
}

TEST(FailKrb5, CarriesBothNumbersAndTheWords) {
    const nsutil::Result<void> result = fail_krb5(nullptr, KRB5_KDC_UNREACH, "ticket of labu1");
    EXPECT_EQ(EHOSTUNREACH, result.error().code);
    EXPECT_EQ(nsutil::ErrorDomain::krb5, result.error().domain);
    EXPECT_EQ(KRB5_KDC_UNREACH, result.error().native);
    EXPECT_TRUE(result.error().what.starts_with("ticket of labu1: ")) << result.error().what;
}

TEST(PrintPrincipal, OfSeveralParts) {
    krb5_context raw = nullptr;
    ASSERT_EQ(0, krb5_init_secure_context(&raw));
    const Krb5Context context(raw);
    krb5_principal principal = nullptr;
    ASSERT_EQ(0, krb5_parse_name(raw, "cifs/fs.lab.test@LAB.TEST", &principal));
    const auto owner = adopt<Principal>(raw, principal);
    EXPECT_EQ("cifs/fs.lab.test@LAB.TEST", print_principal(raw, owner.get()));
}

}  // namespace
}  // namespace nsupcall
