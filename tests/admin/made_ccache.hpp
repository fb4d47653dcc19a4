#pragma once
/// @file
/// FILE ccaches with any principal and life, made by libkrb5 with no KDC: good for being looked at only.

#include <gtest/gtest.h>
#include <krb5.h>

#include <ctime>
#include <string>

#include "support/must.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::test {

/// The bytes of a ccache of `name`@LAB.TEST (any bytes) that holds a TGT which ends `seconds` from now.
inline std::string made_ccache(const std::string& name, std::int64_t seconds) {
    const auto folder = must(TempDir::create());
    const auto path = (folder.path() / "ccache").string();
    krb5_context context = nullptr;
    EXPECT_EQ(0, krb5_init_secure_context(&context));
    const std::string realm = "LAB.TEST";
    krb5_principal client = nullptr, server = nullptr;
    // Built by length: a name may hold what krb5_parse_name() reads as syntax.
    EXPECT_EQ(0,
              krb5_build_principal_ext(context, &client, static_cast<unsigned>(realm.size()), realm.c_str(),
                                       static_cast<unsigned>(name.size()), name.c_str(), 0));
    EXPECT_EQ(0, krb5_build_principal(context, &server, static_cast<unsigned>(realm.size()), realm.c_str(),
                                      "krbtgt", realm.c_str(), nullptr));
    krb5_ccache ccache = nullptr;
    EXPECT_EQ(0, krb5_cc_resolve(context, ("FILE:" + path).c_str(), &ccache));
    EXPECT_EQ(0, krb5_cc_initialize(context, ccache, client));
    krb5_creds ticket = {};
    ticket.client = client;
    ticket.server = server;
    static unsigned char key[32] = {};
    ticket.keyblock = {KV5M_KEYBLOCK, ENCTYPE_AES256_CTS_HMAC_SHA1_96, sizeof key, key};
    static char opaque[] = "no ticket";
    ticket.ticket = {KV5M_DATA, sizeof opaque, opaque};
    const auto now = static_cast<krb5_timestamp>(std::time(nullptr));
    ticket.times = {now - 36000, now - 36000, static_cast<krb5_timestamp>(now + seconds), 0};
    EXPECT_EQ(0, krb5_cc_store_cred(context, ccache, &ticket));
    EXPECT_EQ(0, krb5_cc_close(context, ccache));
    krb5_free_principal(context, client);
    krb5_free_principal(context, server);
    krb5_free_context(context);
    return must(read_file(path));
}

}  // namespace nsupcall::test
