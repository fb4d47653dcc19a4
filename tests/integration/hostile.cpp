/// @file
/// A container that offers code to the helper: krb5 plugins, a profile module, an NSS module. None is ever
/// loaded; a control shows that each would be loaded by a process that has no boundary.

#include <fmt/format.h>
#include <krb5.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;
constexpr const char* kMark = "/tmp/intruder-was-here";

class Hostile : public UpcallTest {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
        intruder_ = must(read_file(INTRUDER_PATH));
    }

    /// A container with the intruder under these paths, and its krb5.conf with `head` in front.
    static ContainerSpec spec_with_intruder(const std::vector<std::string>& paths, const std::string& head) {
        auto spec = spec_with_ticket(alice_, unused_uid());
        spec.root = RootKind::scratch;
        spec.files[0].content = head + realm().krb5_conf();
        for (const auto& path : paths)
            spec.files.push_back({.path = path, .content = intruder_, .mode = 0755});
        return spec;
    }

    static bool marked(const Container& container) {
        struct stat info {};
        return ::lstat(fmt::format("/proc/{}/root{}", container.pid(), kMark).c_str(), &info) == 0;
    }

    /// The same files with an unprotected reader: the mark must appear, else the test proves nothing.
    static void expect_control_is_marked(const Container& container, const std::function<void()>& read) {
        ASSERT_FALSE(marked(container));
        (void)must(container.run(
            [&] {
                (void)::unsetenv("KRB5_CONFIG");
                read();
                return 0;
            },
            unused_uid(), unused_uid()));
        EXPECT_TRUE(marked(container)) << "the control did not load the intruder either";
        ASSERT_EQ(0, must(container.run([] { return ::unlink(kMark); }, unused_uid(), unused_uid())));
    }

    static void use_libkrb5() {
        krb5_context context = nullptr;
        if (::krb5_init_context(&context) != 0) return;
        char** realms = nullptr;
        if (::krb5_get_host_realm(context, "fs.lab.test", &realms) == 0)
            ::krb5_free_host_realm(context, realms);
        krb5_principal principal = nullptr;
        if (::krb5_parse_name(context, "alice@LAB.TEST", &principal) == 0) {
            char name[64];
            (void)::krb5_aname_to_localname(context, principal, sizeof name, name);
            ::krb5_free_principal(context, principal);
        }
        ::krb5_free_context(context);
    }

    inline static Ticket alice_;
    inline static std::string intruder_;
};

TEST_F(Hostile, PluginsOfKrb5_AreNotLoaded) {
    std::string head = "[plugins]\n";
    for (const char* interface :
         {"hostrealm", "localauth", "ccselect", "clpreauth", "kdcpreauth", "pwqual", "locate"}) {
        head += fmt::format("    {} = {{\n        module = intruder:/tmp/intruder.so\n    }}\n", interface);
    }
    const auto container = must(Container::start(spec_with_intruder({"/tmp/intruder.so"}, head)));
    expect_control_is_marked(container, &Hostile::use_libkrb5);
    (void)expect_token(ask(fields_for(container.tid(), unused_uid())), "alice");
    EXPECT_FALSE(marked(container));
}

TEST_F(Hostile, PluginBaseDir_IsNotLoaded) {
    const std::string head = "[libdefaults]\n    plugin_base_dir = /tmp/plugins\n";
    std::vector<std::string> paths;
    for (const char* folder :
         {"libkrb5", "preauth", "authdata", "hostrealm", "ccselect", "localauth", "tls"}) {
        paths.push_back(fmt::format("/tmp/plugins/{}/intruder.so", folder));
    }
    const auto container = must(Container::start(spec_with_intruder(paths, head)));
    (void)expect_token(ask(fields_for(container.tid(), unused_uid())), "alice");
    EXPECT_FALSE(marked(container));
}

TEST_F(Hostile, ModuleLineOfKrb5Conf_IsNotLoaded) {
    const auto container = must(
        Container::start(spec_with_intruder({"/tmp/intruder.so"}, "module /tmp/intruder.so:anything\n")));
    expect_control_is_marked(container, &Hostile::use_libkrb5);
    const auto answer = ask(fields_for(container.tid(), unused_uid()));
    EXPECT_FALSE(marked(container)) << answer.text();
    EXPECT_LT(answer.elapsed.count(), 5000);
}

TEST_F(Hostile, NssModule_IsNotLoaded) {
    const auto uid = unused_uid();
    auto spec =
        spec_with_intruder({"/lib/x86_64-linux-gnu/libnss_intruder.so.2", "/lib64/libnss_intruder.so.2",
                            "/usr/lib/x86_64-linux-gnu/libnss_intruder.so.2", "/lib/libnss_intruder.so.2",
                            "/usr/lib/aarch64-linux-gnu/libnss_intruder.so.2"},
                           "");
    std::string conf;
    for (const char* database : {"passwd", "group", "shadow", "hosts", "networks", "services", "protocols"}) {
        conf += fmt::format("{}: intruder\n", database);
    }
    spec.files.push_back({.path = "/etc/nsswitch.conf", .content = conf});
    // A KDC named by a host name, so that the name must be looked up.
    spec.files.push_back({.path = "/etc/hosts", .content = "127.0.0.1 kdc.lab.test\n"});
    auto& krb5_conf = spec.files[0].content;
    krb5_conf.replace(krb5_conf.find("kdc = 127.0.0.1"), 15, "kdc = kdc.lab.test");
    const auto container = must(Container::start(spec));
    expect_control_is_marked(container, [] { (void)::getpwuid(4711); });
    for (const auto& options : std::vector<std::vector<std::string>>{{"--test-type=cifs.spnego"},
                                                                     {"-t", "--test-type=cifs.spnego"}}) {
        use_options(options);
        const auto answer = ask(fields_for(container.tid(), uid));
        EXPECT_FALSE(marked(container)) << answer.text();
        EXPECT_LT(answer.elapsed.count(), 16000);
    }
}

TEST_F(Hostile, LibrariesNamedLikeOurs_AreNotLoaded) {
    // What the helper has not loaded before the boundary, it must not find behind it.
    std::vector<std::string> paths;
    for (const char* folder :
         {"/lib/x86_64-linux-gnu/", "/usr/lib/x86_64-linux-gnu/", "/lib64/", "/usr/lib/aarch64-linux-gnu/"}) {
        for (const char* name : {"libkrb5.so.3", "libk5crypto.so.3", "libkeyutils.so.1", "libresolv.so.2",
                                 "libc.so.6", "libgssapi_krb5.so.2", "libgcc_s.so.1", "libnss_files.so.2",
                                 "libnss_dns.so.2", "libidn2.so.0"}) {
            paths.push_back(std::string(folder) + name);
        }
    }
    auto spec = spec_with_intruder(paths, "");
    spec.environment = {"LD_PRELOAD=/lib/x86_64-linux-gnu/libc.so.6",
                        "LD_LIBRARY_PATH=/lib/x86_64-linux-gnu"};
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), unused_uid())), "alice");
    EXPECT_FALSE(marked(container));
}

}  // namespace
}  // namespace nsupcall::test
