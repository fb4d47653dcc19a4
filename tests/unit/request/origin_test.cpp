#include "request/origin.hpp"

#include <gtest/gtest.h>

#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;

const char* const kKernels = "cifs.spnego;0;0;39010000;ver=0x2;host=h";
const char* const kThreadKeyring = "keyring;0;0;1f030000;.cifs_spnego";

TEST(SpnegoOrigin, Kernels_IsAccepted) {
    const auto key = must(KeyDescription::parse(kKernels));
    EXPECT_TRUE(verify_spnego_origin(key, kThreadKeyring));
}

TEST(SpnegoOrigin, WithoutThreadKeyring_OwnerAloneCounts) {
    EXPECT_TRUE(verify_spnego_origin(must(KeyDescription::parse(kKernels)), std::nullopt));
    EXPECT_FALSE(
        verify_spnego_origin(must(KeyDescription::parse("cifs.spnego;1000;0;39010000;x")), std::nullopt));
}

TEST(SpnegoOrigin, Forged_IsEperm) {
    struct {
        const char *what, *key, *keyring;
    } const cases[] = {
        {"a user's key", "cifs.spnego;1000;1000;39010000;x", kThreadKeyring},
        {"a user's key, group 0", "cifs.spnego;1000;0;39010000;x", kThreadKeyring},
        {"a group's key", "cifs.spnego;0;1000;39010000;x", kThreadKeyring},
        {"an unmapped user's key", "cifs.spnego;65534;65534;39010000;x", kThreadKeyring},
        {"another type", "user;0;0;3f010000;x", kThreadKeyring},
        {"a type that begins alike", "cifs.spnego2;0;0;3f010000;x", kThreadKeyring},
        {"another upcall's type", "cifs.idmap;0;0;39010000;x", kThreadKeyring},
        {"root without a thread keyring", kKernels, ""},
        {"root's own thread keyring", kKernels, "keyring;0;0;3f030000;_tid"},
        {"a user's thread keyring", kKernels, "keyring;1000;1000;1f030000;_tid"},
        {"the name, but a user's", kKernels, "keyring;1000;0;1f030000;.cifs_spnego"},
        {"the name, but a group's", kKernels, "keyring;0;1000;1f030000;.cifs_spnego"},
        {"the name without its dot", kKernels, "keyring;0;0;1f030000;cifs_spnego"},
        {"the name that goes on", kKernels, "keyring;0;0;1f030000;.cifs_spnego2"},
        {"the name behind another", kKernels, "keyring;0;0;1f030000;x;.cifs_spnego"},
        {"a key of another type with the name", kKernels, "user;0;0;1f030000;.cifs_spnego"},
        {"another kernel user's keyring", kKernels, "keyring;0;0;1f030000;.cifs_idmap"},
        {"nonsense", kKernels, "nonsense"},
    };
    for (const auto& [what, key, keyring] : cases) {
        const auto verdict = verify_spnego_origin(must(KeyDescription::parse(key)), keyring);
        ASSERT_FALSE(verdict) << what;
        EXPECT_EQ(EPERM, verdict.error().code) << what;
        EXPECT_TRUE(verdict.error().what.starts_with("forged request: ")) << what;
    }
}

TEST(SpnegoOrigin, NamedTask_MustBeTheOneThatAsks) {
    EXPECT_TRUE(verify_named_task(642, 642));
    for (const pid_t named : {1, 641, 643}) {
        const auto verdict = verify_named_task(named, 642);
        ASSERT_FALSE(verdict) << named;
        EXPECT_EQ(EPERM, verdict.error().code) << named;
    }
}

}  // namespace
}  // namespace nsupcall
