/// @file
/// Everything in a container that makes a library load code, set up for real. A process without the boundary
/// loads it; one behind the boundary, which does the same on purpose, does not.
///
/// Behind the boundary each of these is called directly, whether an upcall would ever come by or not: the
/// walls must hold on their own.

#include <dlfcn.h>
#include <fmt/format.h>
#include <grp.h>
#include <gssapi/gssapi.h>
#include <iconv.h>
#include <krb5.h>
#include <netdb.h>
#include <pwd.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "hostile/bare_test.hpp"
#include "hostile/sealed_run.hpp"
#include "support/dead_kdc.hpp"

// Exported by libkrb5 for its own GSS library; no header of Debian's declares it.
extern "C" krb5_error_code krb5_authdata_context_init(krb5_context, void**);

namespace nsupcall::test {
namespace {

#if defined(__aarch64__)
constexpr const char* kLibraries = "/usr/lib/aarch64-linux-gnu/";
#else
constexpr const char* kLibraries = "/usr/lib/x86_64-linux-gnu/";
#endif

/// One way to have code loaded.
struct Plant {
    std::string name;
    std::vector<std::string> libraries;  ///< where the intruder lies
    std::vector<ContainerFile> files;    ///< what points to it
    void (*use)();                       ///< what brings a library to it
};

/// A locale's LC_CTYPE: Debian's C.UTF-8 with another charset's name, of the same length, in its place.
std::string locale_of_charset(std::string_view charset) {
    constexpr std::string_view kOwn = "UTF-8";
    std::ifstream file("/usr/lib/locale/C.utf8/LC_CTYPE", std::ios::binary);
    std::string content((std::istreambuf_iterator<char>(file)), {});
    const auto at = content.find(kOwn);
    EXPECT_NE(std::string::npos, at) << "the host's C.UTF-8 names no charset";
    EXPECT_EQ(kOwn.size(), charset.size());
    if (at != std::string::npos) content.replace(at, kOwn.size(), charset);
    return content;
}

void with_krb5(void (*use)(krb5_context)) {
    krb5_context context = nullptr;
    if (::krb5_init_secure_context(&context) != 0) return;
    use(context);
    ::krb5_free_context(context);
}

void ask_for_tgt(krb5_context context) {
    krb5_principal user = nullptr;
    if (::krb5_parse_name(context, "u@EVIL.TEST", &user) != 0) return;
    krb5_creds creds = {};
    (void)::krb5_get_init_creds_password(context, &creds, user, "x", nullptr, nullptr, 0, nullptr, nullptr);
}

std::string conf_with_plugin(const std::string& interface) {
    // Somebody takes the connection: only then is the TLS plugin looked for.
    static const auto kdc = must(DeadKdc::open());
    return fmt::format(
        "[libdefaults]\n default_realm = EVIL.TEST\n dns_lookup_kdc = false\n"
        "[realms]\n EVIL.TEST = {{\n  kdc = https://127.0.0.1:{}/KdcProxy\n }}\n"
        "[plugins]\n {} = {{\n  module = {}:/tmp/intruder.so\n }}\n",
        kdc.port(), interface, interface == "tls" ? "k5tls" : "intruder");  // that one is asked for by name
}

/// An ld.so.cache that names one library.
/// @source  glibc sysdeps/generic/dl-cache.h: struct cache_file_new
std::string loader_cache(const std::string& name, const std::string& path) {
    std::string cache = "glibc-ld.so.cache1.1";
    const auto put = [&](std::uint64_t number, std::size_t size) {
        for (std::size_t byte = 0; byte < size; ++byte) cache += static_cast<char>(number >> (8 * byte));
    };
    constexpr std::size_t kHeader = 48, kEntry = 24, kWord = 4, kUnused = 12;
    put(1, kWord);                              // libraries
    put(name.size() + path.size() + 2, kWord);  // bytes of names
    put(2, kWord);                              // little endian
    put(0, kWord);                              // no extensions
    put(0, kUnused);
#if defined(__aarch64__)
    put(0x0a03, kWord);
#else
    put(0x0303, kWord);
#endif
    put(kHeader + kEntry, kWord);
    put(kHeader + kEntry + name.size() + 1, kWord);
    put(0, kWord + 8);  // any kernel, any processor
    return cache + name + '\0' + path + '\0';
}

Plant nss(const std::string& database, void (*use)()) {
    return {"Nss_" + database,
            {std::string(kLibraries) + "libnss_intruder.so.2"},
            {{.path = "/etc/nsswitch.conf", .content = database + ": intruder\n"}},
            use};
}

Plant krb5_plugin(const std::string& interface, void (*use)()) {
    return {"Krb5Plugin_" + interface,
            {"/tmp/intruder.so"},
            {{.path = "/etc/krb5.conf", .content = conf_with_plugin(interface)}},
            use};
}

std::vector<Plant> all_plants() {
    const std::string bare_conf = "[libdefaults]\n default_realm = EVIL.TEST\n";
    return {
        nss("passwd", [] { (void)::getpwuid(4711); }),
        nss("group", [] { (void)::getgrgid(4711); }),
        nss("hosts",
            [] {
                addrinfo* list = nullptr;
                if (::getaddrinfo("kdc.evil.test", nullptr, nullptr, &list) == 0) ::freeaddrinfo(list);
            }),
        nss("services", [] { (void)::getservbyname("kerberos", "udp"); }),
        {"Krb5ModuleLine",
         {"/tmp/intruder.so"},
         {{.path = "/etc/krb5.conf", .content = "module /tmp/intruder.so:x\n"}},
         [] { with_krb5([](krb5_context) {}); }},
        krb5_plugin("hostrealm",
                    [] {
                        with_krb5([](krb5_context context) {
                            char** realms = nullptr;
                            (void)::krb5_get_host_realm(context, "fs.evil.test", &realms);
                        });
                    }),
        krb5_plugin("localauth",
                    [] {
                        with_krb5([](krb5_context context) {
                            krb5_principal user = nullptr;
                            char name[64];
                            if (::krb5_parse_name(context, "u@EVIL.TEST", &user) == 0)
                                (void)::krb5_aname_to_localname(context, user, sizeof name, name);
                        });
                    }),
        krb5_plugin("ccselect",
                    [] {
                        with_krb5([](krb5_context context) {
                            krb5_principal server = nullptr, client = nullptr;
                            krb5_ccache ccache = nullptr;
                            if (::krb5_parse_name(context, "cifs/fs@EVIL.TEST", &server) == 0)
                                (void)::krb5_cc_select(context, server, &ccache, &client);
                        });
                    }),
        krb5_plugin("clpreauth", [] { with_krb5(ask_for_tgt); }),
        krb5_plugin("tls", [] { with_krb5(ask_for_tgt); }),
        {"Krb5PluginFolder_locate",
         {std::string(kLibraries) + "krb5/plugins/libkrb5/intruder.so"},
         {{.path = "/etc/krb5.conf", .content = bare_conf}},
         [] { with_krb5(ask_for_tgt); }},
        {"Krb5PluginFolder_authdata",
         {std::string(kLibraries) + "krb5/plugins/authdata/intruder.so"},
         {{.path = "/etc/krb5.conf", .content = bare_conf}},
         [] {
             with_krb5([](krb5_context context) {
                 void* authdata = nullptr;
                 (void)::krb5_authdata_context_init(context, &authdata);
             });
         }},
        {"Krb5PluginBaseDir_preauth",
         {"/tmp/plugins/preauth/spake.so"},
         {{.path = "/etc/krb5.conf",
           .content = "[libdefaults]\n default_realm = EVIL.TEST\n plugin_base_dir = /tmp/plugins\n"}},
         [] { with_krb5(ask_for_tgt); }},
        {"GssMech",
         {"/tmp/intruder.so"},
         {{.path = "/etc/gss/mech", .content = "intruder 1.3.6.1.4.1.99999.1 /tmp/intruder.so\n"}},
         [] {
             // 1.3.6.1.4.1.99999.1
             char oid[] = "\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01";
             gss_OID_desc mechanism = {9, oid};
             gss_OID_set names = GSS_C_NO_OID_SET;
             OM_uint32 minor = 0;
             (void)::gss_inquire_names_for_mech(&minor, &mechanism, &names);
         }},
        {"GssMechFolder",
         {"/tmp/intruder.so"},
         {{.path = "/etc/gss/mech.d/intruder.conf",
           .content = "intruder 1.3.6.1.4.1.99999.1 /tmp/intruder.so\n"}},
         [] {
             char oid[] = "\x2b\x06\x01\x04\x01\x86\x8d\x1f\x01";
             gss_OID_desc mechanism = {9, oid};
             gss_OID_set names = GSS_C_NO_OID_SET;
             OM_uint32 minor = 0;
             (void)::gss_inquire_names_for_mech(&minor, &mechanism, &names);
         }},
        {"Gconv",
         {std::string(kLibraries) + "gconv/INTRUDER.so"},
         {{.path = std::string(kLibraries) + "gconv/gconv-modules",
           .content = "module INTRUDER// INTERNAL INTRUDER 1\nmodule INTERNAL INTRUDER// INTRUDER 1\n"}},
         [] { (void)::iconv_open("INTRUDER", "UTF-8"); }},
        {"Locale",
         {std::string(kLibraries) + "gconv/INTRUDER.so"},
         {{.path = std::string(kLibraries) + "gconv/gconv-modules",
           .content = "module EVIL8// INTERNAL INTRUDER 1\nmodule INTERNAL EVIL8// INTRUDER 1\n"},
          {.path = "/usr/lib/locale/intruder/LC_CTYPE", .content = locale_of_charset("EVIL8")}},
         [] {
             wchar_t letter = 0;
             if (std::setlocale(LC_CTYPE, "intruder") != nullptr) (void)std::mbtowc(&letter, "x", 1);
         }},
        {"LoaderCache",
         {"/opt/libintruder.so.1"},
         {{.path = "/etc/ld.so.cache", .content = loader_cache("libintruder.so.1", "/opt/libintruder.so.1")}},
         [] { (void)::dlopen("libintruder.so.1", RTLD_NOW); }},
        {"Dlopen_ByPath", {"/tmp/intruder.so"}, {}, [] { (void)::dlopen("/tmp/intruder.so", RTLD_NOW); }},
        {"Dlopen_ByName",
         {std::string(kLibraries) + "libgcc_s.so.9"},
         {},
         [] { (void)::dlopen("libgcc_s.so.9", RTLD_NOW); }},
    };
}

class Plants : public BareTest, public testing::WithParamInterface<std::tuple<std::size_t, bool>> {};

TEST_P(Plants, BehindTheBoundary_IsNotLoaded) {
    const auto& [index, user_namespace] = GetParam();
    const auto plant = all_plants()[index];
    const auto container = start(plant.libraries, plant.files, user_namespace);
    const auto uid = inside_uid(user_namespace);

    // First without the boundary, in the same place as the same user: the plant must work.
    (void)container.run(
        [&] {
            plant.use();
            return 0;
        },
        uid, uid);
    ASSERT_TRUE(marked(container)) << "the plant is no good: nothing loads it";
    ASSERT_EQ(0, must(container.run([] { return ::unlink(kMark) == 0 ? 0 : 1; }, uid, uid)));

    for (const auto crossing : {Crossing::at_once, Crossing::ahead}) {
        const auto ended = must(run_sealed_in(
            container, host_uid(), [&] { plant.use(); }, crossing));
        EXPECT_FALSE(marked(container));
        // A library that cannot load something goes on; nothing here makes a forbidden call.
        EXPECT_EQ("done", ended);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Plants,
                         testing::Combine(testing::Range(std::size_t{0}, all_plants().size()),
                                          testing::Bool()),
                         [](const auto& plant) {
                             return all_plants()[std::get<0>(plant.param)].name +
                                    (std::get<1>(plant.param) ? "_InAUserNamespace" : "_InMountsOfItsOwn");
                         });

}  // namespace
}  // namespace nsupcall::test
