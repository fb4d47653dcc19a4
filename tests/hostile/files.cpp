/// @file
/// Files, names and configurations that a container lays out for the helper, asked for through the kernel.
/// Whatever lies there: nothing of the host or of another user is read, the errno says what it was, and the
/// asker does not wait longer than the deadline.

#include <fcntl.h>
#include <fmt/format.h>
#include <krb5.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>

#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

constexpr auto kDeadline = std::chrono::milliseconds(2000);
constexpr auto kLimit = kDeadline + std::chrono::milliseconds(3000);

/// Once in mounts of its own, once in a user namespace as well.
class Files : public UpcallTest, public testing::WithParamInterface<bool> {
  protected:
    static void SetUpTestSuite() {
        UpcallTest::SetUpTestSuite();
        alice_ = must(realm().ticket("alice"));
        bob_ = must(realm().ticket("bob"));
    }
    void SetUp() override {
        UpcallTest::SetUp();
        use_options({"--test-type=cifs.spnego", fmt::format("--deadline={}", kDeadline.count())});
    }

    static std::uint32_t host_uid() { return unused_uid(10); }
    static std::uint32_t uid() { return GetParam() ? 10 : unused_uid(10); }
    /// Somebody else in the same container.
    static std::uint32_t other_uid() { return GetParam() ? 11 : unused_uid(11); }

    /// Without a ticket; `name` is its KRB5CCNAME.
    static ContainerSpec spec_naming(const std::string& name) {
        ContainerSpec spec;
        spec.root = RootKind::scratch;
        spec.pid_namespace = true;
        spec.uid = spec.gid = uid();
        if (GetParam()) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        spec.files = {krb5_conf_file()};
        spec.environment = {"KRB5CCNAME=" + name};
        return spec;
    }
    static ContainerSpec spec_with_alice() {
        auto spec = spec_naming("/tmp/cc");
        spec.files.push_back(ccache_file(alice_, "/tmp/cc", uid()));
        return spec;
    }

    /// Lays something out as the user, before the question is asked.
    static void as_user(const Container& container, const std::function<int()>& body) {
        ASSERT_EQ(0, must(container.run(body, uid(), uid())));
    }

    std::string ask_for(const Container& container) {
        const auto answer = ask(fields_for(container.tid(), host_uid()));
        EXPECT_LT(answer.elapsed, kLimit);
        if (answer.error != 0) return refusal(answer);
        const auto payload = must(parse_payload(answer.payload));
        return must(accept_token(payload.blob, realm().service_keytab(), realm().krb5_conf_path())).client;
    }
    static std::string alice() { return realm().principal("alice"); }

    inline static Ticket alice_, bob_;
};

TEST_P(Files, CcacheThatIsAFifo_IsEinval_AtOnce) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] { return ::mkfifo("/tmp/cc", 0600); });
    // Without our look at it first, libkrb5 waits for a writer for ever.
    constexpr int kHung = 42;
    const auto alone = must(container.run(
        [] {
            (void)::signal(SIGALRM, [](int) { ::_exit(kHung); });
            (void)::alarm(1);
            krb5_context context = nullptr;
            krb5_ccache ccache = nullptr;
            krb5_principal principal = nullptr;
            if (::krb5_init_secure_context(&context) != 0) return 1;
            if (::krb5_cc_resolve(context, "FILE:/tmp/cc", &ccache) != 0) return 1;
            (void)::krb5_cc_get_principal(context, ccache, &principal);
            return 0;
        },
        uid(), uid()));
    EXPECT_EQ(kHung, alone);
    const auto answer = ask(fields_for(container.tid(), host_uid()));
    EXPECT_EQ("EINVAL", refusal(answer));
    EXPECT_LT(answer.elapsed, std::chrono::milliseconds(1000));
}

TEST_P(Files, CcacheThatIsASocket_IsEinval) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] {
        const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_un address = {AF_UNIX, "/tmp/cc"};
        return ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    });
    EXPECT_EQ("EINVAL", ask_for(container));
}

TEST_P(Files, CcacheThatIsADevice_IsEinval) {
    auto spec = spec_naming("/dev/zero");
    spec.root = RootKind::host_tree;
    EXPECT_EQ("EINVAL", ask_for(must(Container::start(spec))));
}

TEST_P(Files, CcacheThatIsADirectory_IsEinval) {
    EXPECT_EQ("EINVAL", ask_for(must(Container::start(spec_naming("FILE:/tmp")))));
}

TEST_P(Files, CcacheThatIsADanglingLink_IsEnokey) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] { return ::symlink("/tmp/nowhere", "/tmp/cc"); });
    EXPECT_EQ("ENOKEY", ask_for(container));
}

TEST_P(Files, CcacheThatIsALinkToAnothersReadableFile_IsEacces) {
    auto spec = spec_naming("/tmp/cc");
    spec.files.push_back(ccache_file(bob_, "/tmp/of-another", other_uid()));
    spec.files.back().mode = 0644;
    const auto container = must(Container::start(spec));
    as_user(container, [] { return ::symlink("/tmp/of-another", "/tmp/cc"); });
    EXPECT_EQ("EACCES", ask_for(container));
}

TEST_P(Files, CcacheThatIsAHardLinkToAnothersFile_IsEacces) {
    auto spec = spec_naming("/tmp/cc");
    spec.files.push_back(ccache_file(bob_, "/tmp/of-another", other_uid()));
    spec.files.back().mode = 0644;
    const auto container = must(Container::start(spec));
    ASSERT_EQ(0, must(container.run([] { return ::link("/tmp/of-another", "/tmp/cc"); }, other_uid(),
                                    other_uid())));
    EXPECT_EQ("EACCES", ask_for(container));
}

TEST_P(Files, CcacheOfOneTebibyte_IsEinval) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    as_user(container, [] {
        const int fd = ::open("/tmp/cc", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        return ::ftruncate(fd, 1LL << 40);
    });
    EXPECT_EQ("EINVAL", ask_for(container));
}

TEST_P(Files, CcacheCutAnywhere_NeverCrashesTheWorker) {
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    for (std::size_t size = 1; size < alice_.ccache.size(); size += alice_.ccache.size() / 24 + 1) {
        SCOPED_TRACE(size);
        auto file = ccache_file(alice_, "/tmp/cc", uid());
        file.content.resize(size);
        must(container.add_file(file));
        const auto answer = ask_for(container);
        EXPECT_TRUE(answer == "EINVAL" || answer == "ENOKEY" || answer == "EKEYREJECTED") << answer;
    }
}

TEST_P(Files, CcacheWithAbsurdLengths_IsRefused) {
    // Version 4, a header of no fields; then counts and lengths of two gigabytes in every place.
    const std::string head("\x05\x04\x00\x00", 4), huge("\x7f\xff\xff\xff", 4), one("\x00\x00\x00\x01", 4);
    const std::string bodies[] = {
        std::string("\x05\x04\xff\xff", 4) + huge, head + one + huge + huge + huge, head + one + one + huge,
        head + one + one + std::string("\x00\x00\x00\x01R", 5) + huge,
        alice_.ccache.substr(0, alice_.ccache.size() / 2) + std::string(64, '\x7f')};
    const auto container = must(Container::start(spec_naming("/tmp/cc")));
    for (const auto& body : bodies) {
        must(container.add_file(
            {.path = "/tmp/cc", .content = body, .mode = 0600, .uid = uid(), .gid = uid()}));
        const auto answer = ask_for(container);
        EXPECT_TRUE(answer == "EINVAL" || answer == "ENOKEY" || answer == "ENOMEM" ||
                    answer == "EKEYREJECTED")
            << answer;
    }
}

TEST_P(Files, Krb5ConfThatIncludesItself_IsAnsweredInTime) {
    auto spec = spec_with_alice();
    spec.files[0].content = "include /etc/krb5.conf\n" + realm().krb5_conf();
    const auto answer = ask_for(must(Container::start(spec)));
    EXPECT_NE(alice(), answer);
}

TEST_P(Files, Krb5ConfThatIncludesAHundredThousandFiles_IsAnsweredInTime) {
    auto spec = spec_with_alice();
    spec.files[0].content = "includedir /tmp/many\n" + realm().krb5_conf();
    const auto container = must(Container::start(spec));
    as_user(container, [] {
        if (::mkdir("/tmp/many", 0755) != 0 || ::chdir("/tmp/many") != 0) return 1;
        for (int count = 0; count < 100'000; ++count) {
            const int fd = ::open(std::to_string(count).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
            if (fd < 0 || ::write(fd, "[x]\n", 4) != 4 || ::close(fd) != 0) return 2;
        }
        return 0;
    });
    const auto answer = ask_for(container);
    EXPECT_TRUE(answer == alice() || answer == "ETIMEDOUT" || answer == "ENOMEM") << answer;
}

TEST_P(Files, Krb5ConfThatIsAFifo_IsEtimedout) {
    const auto container = must(Container::start(spec_with_alice()));
    ASSERT_EQ(
        0, must(container.run(
               [] { return ::unlink("/etc/krb5.conf") == 0 ? ::mkfifo("/etc/krb5.conf", 0644) : 1; }, 0, 0)));
    EXPECT_EQ("ETIMEDOUT", ask_for(container));
}

TEST_P(Files, Krb5ConfOfOneTebibyte_IsAnsweredInTime) {
    const auto container = must(Container::start(spec_with_alice()));
    ASSERT_EQ(0, must(container.run([] { return ::truncate("/etc/krb5.conf", 1LL << 40); }, 0, 0)));
    EXPECT_NE("", ask_for(container));
}

TEST_P(Files, ResolvConfWithAThousandServers_IsAnsweredInTime) {
    auto spec = spec_with_alice();
    auto& conf = spec.files[0].content;
    conf.replace(conf.find("kdc = 127.0.0.1"), 15, "kdc = kdc.nowhere.test");
    std::string servers;
    for (int count = 0; count < 1000; ++count)
        servers += fmt::format("nameserver 127.77.{}.{}\n", count / 250, count % 250 + 1);
    spec.files.push_back({.path = "/etc/resolv.conf", .content = servers});
    const auto answer = ask_for(must(Container::start(spec)));
    EXPECT_TRUE(answer == "EHOSTUNREACH" || answer == "ETIMEDOUT") << answer;
}

TEST_P(Files, NamesThatLeadOutOfTheContainer_LeadNowhere) {
    // The user's own file on the host, with bob's ticket: not the container's business. The container sees
    // the host's processes, as one with hostPID does.
    const auto outside = realm().folder() / "outside";
    must(write_file(outside, bob_.ccache, 0600, host_uid(), host_uid()));
    for (const auto& way : {fmt::format("/proc/{}/root", ::getpid()), std::string("/proc/1/root"),
                            std::string("/proc/self/root"), std::string("/tmp/../../../.."),
                            fmt::format("/proc/{}/cwd/../../../../../..", ::getpid())}) {
        SCOPED_TRACE(way);
        auto spec = spec_naming("FILE:" + way + outside.string());
        spec.root = RootKind::host_tree;
        spec.pid_namespace = false;
        const auto answer = ask_for(must(Container::start(spec)));
        EXPECT_TRUE(answer == "EACCES" || answer == "ENOKEY") << answer;
    }
}

TEST_P(Files, NamesThatLeadIntoAnotherContainer_LeadNowhere) {
    auto other = spec_naming("");
    other.files.push_back(ccache_file(bob_, "/tmp/cc", uid()));
    const auto neighbour = must(Container::start(other));
    auto spec = spec_naming(fmt::format("FILE:/proc/{}/root/tmp/cc", neighbour.pid()));
    spec.root = RootKind::host_tree;
    spec.pid_namespace = false;
    const auto answer = ask_for(must(Container::start(spec)));
    EXPECT_TRUE(answer == "EACCES" || answer == "ENOKEY") << answer;
}

TEST_P(Files, KeyringsOfOthers_AreRefused) {
    for (const auto& name : {"KEYRING:persistent:0", "KEYRING:session:x", "KEYRING:process:x",
                             "KEYRING:thread:x", "KEYRING:persistent:4294967295", "KEYRING:persistent:-1"}) {
        SCOPED_TRACE(name);
        const auto answer = ask_for(must(Container::start(spec_naming(name))));
        EXPECT_TRUE(answer == "EACCES" || answer == "ENOKEY") << answer;
    }
}

TEST_P(Files, EnvironmentOfTheRequester_ChangesNothingButTheCcache) {
    auto spec = spec_with_alice();
    spec.files.push_back(
        {.path = "/tmp/evil.conf", .content = "[libdefaults]\n default_realm = WRONG.TEST\n"});
    for (const char* entry :
         {"LD_PRELOAD=/tmp/evil.so", "LD_LIBRARY_PATH=/tmp", "LD_AUDIT=/tmp/evil.so",
          "KRB5_CONFIG=/tmp/evil.conf", "KRB5_TRACE=/tmp/trace", "KRB5RCACHENAME=file2:/tmp/trace",
          "KRB5_KTNAME=/tmp/trace", "GSS_MECH_CONFIG=/tmp/evil.conf", "GSS_USE_PROXY=yes", "LOCPATH=/tmp",
          "GCONV_PATH=/tmp", "LANGUAGE=evil", "LC_ALL=evil", "RES_OPTIONS=debug",
          "HOSTALIASES=/tmp/evil.conf", "TMPDIR=/proc"})
        spec.environment.emplace_back(entry);
    const auto container = must(Container::start(spec));
    EXPECT_EQ(alice(), ask_for(container));
    EXPECT_NE(0, must(container.run([] { return ::access("/tmp/trace", F_OK) == 0 ? 0 : 1; }, uid(), uid())));
    // The same in a program's own environment does what it says.
    EXPECT_EQ(0, must(container.run(
                     [] {
                         (void)::setenv("KRB5_TRACE", "/tmp/trace", 1);
                         krb5_context context = nullptr;
                         if (::krb5_init_context(&context) != 0) return 1;
                         krb5_ccache ccache = nullptr;
                         krb5_principal principal = nullptr;
                         if (::krb5_cc_resolve(context, "FILE:/tmp/cc", &ccache) == 0)
                             (void)::krb5_cc_get_principal(context, ccache, &principal);
                         ::krb5_free_context(context);
                         return ::access("/tmp/trace", F_OK) == 0 ? 0 : 1;
                     },
                     uid(), uid())));
}

TEST_P(Files, RequesterThatIsStopped_GetsItsToken) {
    const auto container = must(Container::start(spec_with_alice()));
    ASSERT_EQ(0, ::kill(container.pid(), SIGSTOP));
    EXPECT_EQ(alice(), ask_for(container));
    ASSERT_EQ(0, ::kill(container.pid(), SIGCONT));
}

TEST_P(Files, RequesterThatEndsMeanwhile_IsAnsweredInTime) {
    auto spec = spec_with_alice();
    spec.files.push_back({.path = "/etc/resolv.conf", .content = "nameserver 127.77.0.1\n"});
    auto& conf = spec.files[0].content;
    conf.replace(conf.find("kdc = 127.0.0.1"), 15, "kdc = kdc.nowhere.test");
    for (const int wait_us : {0, 1000, 3000, 10'000, 30'000}) {
        SCOPED_TRACE(wait_us);
        auto container = must(Container::start(spec));
        auto request = must(KeyRequest::start(fields_for(container.tid(), host_uid()).description()));
        (void)::usleep(static_cast<useconds_t>(wait_us));
        container.stop();
        const auto answer = must(request.finish(std::chrono::seconds(20)));
        EXPECT_LT(answer.elapsed, kLimit);
        const auto name = refusal(answer);
        // ENOKEY: its namespaces were still there to be opened, its environment was not.
        EXPECT_TRUE(name == "ESRCH" || name == "ENOKEY" || name == "EHOSTUNREACH" || name == "ETIMEDOUT")
            << name;
    }
}

INSTANTIATE_TEST_SUITE_P(Hostile, Files, testing::Bool(), [](const auto& user_namespace) {
    return user_namespace.param ? "InAUserNamespace" : "InMountsOfItsOwn";
});

}  // namespace
}  // namespace nsupcall::test
