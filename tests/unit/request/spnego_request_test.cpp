#include "request/spnego_request.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "request/key_description.hpp"
#include "support/must.hpp"

namespace nsupcall {
namespace {

using test::must;
using namespace std::string_literals;

std::string fields(const std::string& middle) {
    return "ver=0x2;host=fs.lab.test;ip4=10.99.0.1;sec=krb5;" + middle;
}
const std::string kIds = "uid=0x0;creduid=0x1389;";

TEST(SpnegoRequest, EveryField) {
    const auto request = must(SpnegoRequest::parse(
        "ver=0x2;host=FS.lab.test;ip4=10.99.0.1;sec=mskrb5;uid=0x3e8;creduid=0xca2ec000;user=labu2;pid=0x4e2;"
        "upcall_target=mount"));
    EXPECT_EQ("FS.lab.test", request.host);
    EXPECT_EQ("10.99.0.1", request.address);
    EXPECT_EQ(Security::mskrb5, request.security);
    EXPECT_EQ(1000U, request.uid);
    EXPECT_EQ(3392061440U, request.creduid);
    EXPECT_EQ("labu2", request.user);
    EXPECT_EQ(1250, request.tid);
    EXPECT_EQ(UpcallTarget::mount, request.target);
}

TEST(SpnegoRequest, OptionalFieldsAbsent) {
    const auto request = must(SpnegoRequest::parse(fields(kIds + "pid=0x1")));
    EXPECT_EQ("", request.user);
    EXPECT_EQ(UpcallTarget::absent, request.target);
    EXPECT_EQ(1, request.tid);
}

/// Descriptions that Linux 6.1, 6.12 and 7.3 sent, as keyctl_describe(2) gave them.
class RealDescriptions : public testing::TestWithParam<const char*> {};

TEST_P(RealDescriptions, AreUnderstood) {
    std::ifstream file(std::string(NSUPCALL_TEST_DATA) + "/descriptions-" + GetParam() + ".txt");
    int spnego = 0;
    for (std::string line; std::getline(file, line);) {
        SCOPED_TRACE(line);
        const auto key = must(KeyDescription::parse(line));
        EXPECT_EQ(0U, key.uid);
        EXPECT_EQ(0U, key.gid);
        if (key.type != "cifs.spnego") continue;
        ++spnego;
        const auto request = must(SpnegoRequest::parse(key.description));
        EXPECT_EQ("dc1.lab.test", request.host);
        EXPECT_EQ(key.description.contains("ip6=") ? "::1" : "10.99.0.1", request.address);
        EXPECT_EQ(Security::krb5, request.security);
        EXPECT_GT(request.tid, 0);
        EXPECT_EQ(key.description.contains("user=labu2")  ? "labu2"
                  : key.description.contains("user=root") ? "root"
                                                          : "",
                  request.user);
        EXPECT_EQ(GetParam() == "6.1"s                       ? UpcallTarget::absent
                  : key.description.contains("target=mount") ? UpcallTarget::mount
                                                             : UpcallTarget::app,
                  request.target);
    }
    EXPECT_GE(spnego, 5);
}

INSTANTIATE_TEST_SUITE_P(Kernels, RealDescriptions, testing::Values("6.1", "6.12", "7.3"),
                         [](const auto& kernel) {
                             std::string name = "linux_" + std::string(kernel.param);
                             std::ranges::replace(name, '.', '_');
                             return name;
                         });

TEST(SpnegoRequest, Addresses_AreNormalised) {
    struct {
        const char *field, *address;
    } const cases[] = {
        {"ip4=127.0.0.1", "127.0.0.1"},
        {"ip4=255.255.255.255", "255.255.255.255"},
        {"ip6=0000:0000:0000:0000:0000:0000:0000:0001", "::1"},
        {"ip6=fe80:0000:0000:0000:0211:22ff:fe33:4455", "fe80::211:22ff:fe33:4455"},
        {"ip6=fe80000000000000021122fffe334455", "fe80::211:22ff:fe33:4455"},  // %pi6
        {"ip6=::1", "::1"},
        {"ip6=0000:0000:0000:0000:0000:ffff:0a63:0001", "::ffff:10.99.0.1"},
        {"ip6=FE80::1", "fe80::1"},
    };
    for (const auto& [field, address] : cases) {
        const auto request =
            SpnegoRequest::parse("ver=0x2;host=h;"s + field + ";sec=krb5;" + kIds + "pid=0x1");
        ASSERT_TRUE(request) << field;
        EXPECT_EQ(address, request->address) << field;
    }
}

TEST(SpnegoRequest, Securities) {
    struct {
        const char* word;
        Security security;
    } const cases[] = {{"krb5", Security::krb5}, {"mskrb5", Security::mskrb5}, {"iakerb", Security::iakerb}};
    for (const auto& [word, security] : cases)
        EXPECT_EQ(security, must(SpnegoRequest::parse("ver=0x2;host=h;ip4=1.2.3.4;sec="s + word + ";" + kIds +
                                                      "pid=0x1"))
                                .security);
}

TEST(SpnegoRequest, Bounds_OfNumbers) {
    EXPECT_EQ(0xfffffffeU,
              must(SpnegoRequest::parse(fields("uid=0xffffffff;creduid=0xfffffffe;pid=0x1"))).creduid);
    EXPECT_EQ(0xffffffffU, must(SpnegoRequest::parse(fields("uid=0xffffffff;creduid=0x0;pid=0x1"))).uid);
    EXPECT_EQ(0x7fffffff, must(SpnegoRequest::parse(fields(kIds + "pid=0x7fffffff"))).tid);
}

TEST(SpnegoRequest, Bounds_OfTexts) {
    const auto with_host = [](std::size_t size) {
        return SpnegoRequest::parse("ver=0x2;host=" + std::string(size, 'h') + ";ip4=1.2.3.4;sec=krb5;" +
                                    kIds + "pid=0x1");
    };
    EXPECT_TRUE(with_host(1));
    EXPECT_TRUE(with_host(SpnegoRequest::kHostLimit));
    EXPECT_FALSE(with_host(SpnegoRequest::kHostLimit + 1));
    EXPECT_FALSE(with_host(0));
    const auto with_user = [](std::size_t size) {
        return SpnegoRequest::parse(fields(kIds + "user=" + std::string(size, 'u') + ";pid=0x1"));
    };
    EXPECT_TRUE(with_user(SpnegoRequest::kUserLimit));
    EXPECT_FALSE(with_user(SpnegoRequest::kUserLimit + 1));
}

TEST(SpnegoRequest, UserNames_OfEveryKind) {
    for (const char* user :
         {"", "a b", "user@LAB.TEST", "DOM\\user", "a=b", "pid=0x1", "\xc3\xbc", "a'\"$(x)"})
        EXPECT_EQ(user, must(SpnegoRequest::parse(fields(kIds + "user="s + user + ";pid=0x1"))).user);
}

struct Malformed {
    const char* what;
    std::string description;
};

const Malformed kMalformed[] = {
    {"nothing", ""},
    {"not a description", "hello"},
    {"no version", "host=h;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"version 1", "ver=0x1;host=h;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"version 3", "ver=0x3;host=h;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"version 0x02", "ver=0x02;host=h;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a blank in front", " ver=0x2;host=h;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"upper case names", "VER=0x2;HOST=h;IP4=1.2.3.4;SEC=krb5;UID=0x0;CREDUID=0x0;PID=0x1"},
    // Fields that a host name brings in.
    {"no host", "ver=0x2;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"an empty host", "ver=0x2;host=;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host with a blank", "ver=0x2;host=a b;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host with a line end", "ver=0x2;host=a\nb;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host with a DEL", "ver=0x2;host=a\x7f;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host that ends the principal's name", "ver=0x2;host=h@EVIL;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host that adds a component", "ver=0x2;host=h/x;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host with a backslash", "ver=0x2;host=h\\x;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host that brings an address in",
     "ver=0x2;host=h;ip4=6.6.6.6;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"a host that brings everything in",
     "ver=0x2;host=h;ip4=6.6.6.6;sec=krb5;uid=0x0;creduid=0x0;pid=0x1;ip4=1.2.3.4;sec=krb5;" + kIds +
         "pid=0x1"},
    {"two hosts", "ver=0x2;host=h;host=g;ip4=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    // Addresses.
    {"no address", "ver=0x2;host=h;sec=krb5;" + kIds + "pid=0x1"},
    {"two addresses", "ver=0x2;host=h;ip4=1.2.3.4;ip6=::1;sec=krb5;" + kIds + "pid=0x1"},
    {"an empty address", "ver=0x2;host=h;ip4=;sec=krb5;" + kIds + "pid=0x1"},
    {"five bytes", "ver=0x2;host=h;ip4=1.2.3.4.5;sec=krb5;" + kIds + "pid=0x1"},
    {"three bytes", "ver=0x2;host=h;ip4=1.2.3;sec=krb5;" + kIds + "pid=0x1"},
    {"a byte of 256", "ver=0x2;host=h;ip4=1.2.3.256;sec=krb5;" + kIds + "pid=0x1"},
    {"a name", "ver=0x2;host=h;ip4=localhost;sec=krb5;" + kIds + "pid=0x1"},
    {"IPv6 as ip4", "ver=0x2;host=h;ip4=::1;sec=krb5;" + kIds + "pid=0x1"},
    {"IPv4 as ip6", "ver=0x2;host=h;ip6=1.2.3.4;sec=krb5;" + kIds + "pid=0x1"},
    {"32 digits that are none",
     "ver=0x2;host=h;ip6=" + std::string(32, 'g') + ";sec=krb5;" + kIds + "pid=0x1"},
    {"31 digits", "ver=0x2;host=h;ip6=" + std::string(31, '0') + ";sec=krb5;" + kIds + "pid=0x1"},
    {"an interface", "ver=0x2;host=h;ip6=fe80::1%eth0;sec=krb5;" + kIds + "pid=0x1"},
    // Mechanisms.
    {"no sec", "ver=0x2;host=h;ip4=1.2.3.4;" + kIds + "pid=0x1"},
    {"an empty sec", "ver=0x2;host=h;ip4=1.2.3.4;sec=;" + kIds + "pid=0x1"},
    {"an unknown sec", "ver=0x2;host=h;ip4=1.2.3.4;sec=ntlmssp;" + kIds + "pid=0x1"},
    {"a sec that goes on", "ver=0x2;host=h;ip4=1.2.3.4;sec=krb5i;" + kIds + "pid=0x1"},
    // Ids.
    {"no uid", fields("creduid=0x0;pid=0x1")},
    {"no creduid", fields("uid=0x0;pid=0x1")},
    {"creduid before uid", fields("creduid=0x0;uid=0x0;pid=0x1")},
    {"creduid twice", fields("uid=0x0;creduid=0x0;creduid=0x1389;pid=0x1")},
    {"uid twice", fields("uid=0x0;uid=0x0;creduid=0x1389;pid=0x1")},
    {"the id that is none", fields("uid=0x0;creduid=0xffffffff;pid=0x1")},
    {"decimal", fields("uid=0x0;creduid=5001;pid=0x1")},
    {"no digits", fields("uid=0x0;creduid=0x;pid=0x1")},
    {"an empty creduid", fields("uid=0x0;creduid=;pid=0x1")},
    {"nine digits", fields("uid=0x0;creduid=0x100000000;pid=0x1")},
    {"seventeen digits", fields("uid=0x0;creduid=0x10000000000001389;pid=0x1")},
    {"a leading zero", fields("uid=0x0;creduid=0x01;pid=0x1")},
    {"upper case digits", fields("uid=0x0;creduid=0xA;pid=0x1")},
    {"upper case X", fields("uid=0x0;creduid=0Xa;pid=0x1")},
    {"negative", fields("uid=0x0;creduid=-0x1;pid=0x1")},
    {"negative behind 0x", fields("uid=0x0;creduid=0x-1;pid=0x1")},
    {"a sign", fields("uid=0x0;creduid=+0x1;pid=0x1")},
    {"a blank before", fields("uid=0x0;creduid= 0x1;pid=0x1")},
    {"a blank behind", fields("uid=0x0;creduid=0x1 ;pid=0x1")},
    {"a digit that is none", fields("uid=0x0;creduid=0x1g;pid=0x1")},
    // Fields that a user name brings in.
    {"a user name that brings root in", fields(kIds + "user=x;creduid=0x0;pid=0x4e2;upcall_target=app")},
    {"a user name that brings a uid in", fields(kIds + "user=x;uid=0x0;pid=0x4e2")},
    {"a user name that brings pid 1 in", fields(kIds + "user=x;pid=0x1;pid=0x4e2;upcall_target=app")},
    {"a user name that brings pid 1 in, old kernel", fields(kIds + "user=x;pid=0x1;pid=0x4e2")},
    {"a user name that brings the target in",
     fields(kIds + "user=x;pid=0x1;upcall_target=mount;pid=0x4e2;upcall_target=app")},
    {"a user name that brings the target in, old kernel",
     fields(kIds + "user=x;pid=0x1;upcall_target=mount;pid=0x4e2")},
    {"a user name with an unknown field", fields(kIds + "user=x;y=z;pid=0x4e2")},
    {"a user name with a bare ';'", fields(kIds + "user=x;y;pid=0x4e2")},
    {"a user name that ends in ';'", fields(kIds + "user=x;;pid=0x4e2")},
    {"two user names", fields(kIds + "user=x;user=y;pid=0x4e2")},
    {"a user name with a line end", fields(kIds + "user=x\ny;pid=0x4e2")},
    {"a user name with an escape", fields(kIds + "user=\x1b[2J;pid=0x4e2")},
    {"a user name before the ids", fields("user=x;" + kIds + "pid=0x4e2")},
    // The requester.
    {"no pid", fields("uid=0x0;creduid=0x1389")},
    {"no pid, but a target", fields(kIds + "upcall_target=app")},
    {"pid 0", fields(kIds + "pid=0x0")},
    {"a pid above 2^31", fields(kIds + "pid=0x80000000")},
    {"a negative pid", fields(kIds + "pid=0xffffffff")},
    {"an empty pid", fields(kIds + "pid=")},
    {"two pids", fields(kIds + "pid=0x1;pid=0x2")},
    {"the target before the pid", fields(kIds + "upcall_target=app;pid=0x1")},
    // The end.
    {"an unknown target", fields(kIds + "pid=0x1;upcall_target=host")},
    {"an empty target", fields(kIds + "pid=0x1;upcall_target=")},
    {"two targets", fields(kIds + "pid=0x1;upcall_target=app;upcall_target=mount")},
    {"';' at the end", fields(kIds + "pid=0x1;")},
    {"';' behind the target", fields(kIds + "pid=0x1;upcall_target=app;")},
    {"an unknown field at the end", fields(kIds + "pid=0x1;x=y")},
    {"an unknown field behind the target", fields(kIds + "pid=0x1;upcall_target=app;x=y")},
    {"a line end at the end", fields(kIds + "pid=0x1\n")},
    {"NUL and more", fields(kIds + "pid=0x1") + '\0' + "x"},
    {"NUL in the user name", fields(kIds + "user=a") + '\0' + "b;pid=0x1"},
};

TEST(SpnegoRequest, Malformed_IsEinval) {
    for (const auto& [what, description] : kMalformed) {
        const auto request = SpnegoRequest::parse(description);
        ASSERT_FALSE(request) << what << ": " << description;
        EXPECT_EQ(EINVAL, request.error().code) << what;
        EXPECT_TRUE(request.error().what.starts_with("malformed request: ")) << request.error().what;
    }
}

TEST(SpnegoRequest, EveryPrefixOfAGoodOne_IsRefused) {
    const auto good = fields(kIds + "user=x;pid=0x4e2;upcall_target=app");
    // What ends behind a complete pid is an older kernel's description, and pid=0x4 a shorter pid.
    const auto pid_digits = good.find("pid=0x4e2") + 7;
    const auto pid_end = good.find(";upcall_target");
    for (std::size_t size = 0; size < good.size(); ++size) {
        const bool fine = size >= pid_digits && size <= pid_end;
        EXPECT_EQ(fine, SpnegoRequest::parse(good.substr(0, size)).has_value()) << good.substr(0, size);
    }
}

TEST(SpnegoRequest, ErrorNamesTheField) {
    EXPECT_TRUE(SpnegoRequest::parse(fields("uid=0x0;creduid=x;pid=0x1")).error().what.contains("creduid"));
    EXPECT_TRUE(
        SpnegoRequest::parse(fields(kIds + "user=x;creduid=0x0;pid=0x1")).error().what.contains("pid"));
}

}  // namespace
}  // namespace nsupcall
