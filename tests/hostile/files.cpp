/// @file
/// Names and configurations that a container lays out for the helper, asked for through the kernel.
/// Whatever lies there: nothing of the host or of another user is read, the errno says what it was, and the
/// asker does not wait longer than the deadline.

#include <fcntl.h>
#include <sys/stat.h>

#include "hostile/files_test.hpp"

namespace nsupcall::test {
namespace {

#if defined(__aarch64__)
constexpr const char* kLibraries = "/lib/aarch64-linux-gnu/";
constexpr const char* kLoader = "/lib/ld-linux-aarch64.so.1";
#else
constexpr const char* kLibraries = "/lib/x86_64-linux-gnu/";
constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
#endif

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
    EXPECT_EQ(Fate::hung, read_unprotected(container, uid(), "FILE:/tmp/cc", alice()));
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
                            fmt::format("/proc/{}/cwd/../../../../../../../../../../../..", ::getpid())}) {
        SCOPED_TRACE(way);
        auto spec = spec_naming("FILE:" + way + outside.string());
        spec.root = RootKind::host_tree;
        spec.pid_namespace = false;
        const auto container = must(Container::start(spec));
        // A helper that reads as root is led out by way of another process. (Of process 1 not even root may
        // know everywhere.)
        const bool through_another = way.starts_with(fmt::format("/proc/{}/", ::getpid()));
        if (through_another && !GetParam()) {
            EXPECT_EQ(0, must(container.run([&] { return ::access((way + outside.string()).c_str(), R_OK); },
                                            0, 0)));
        }
        const auto answer = ask_for(container);
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

TEST_P(Files, LoadersFilesOfTheContainer_AreNotTheHelpers) {
    // A program with its loader and its library, as an image has them, and the intruder to be loaded with
    // all.
    auto spec = spec_with_alice();
    const auto copy = [&](const std::string& from) {
        spec.files.push_back({.path = from, .content = must(read_file(from)), .mode = 0755});
    };
    copy("/bin/true");
    copy(kLoader);
    copy(std::string(kLibraries) + "libc.so.6");
    spec.files.push_back(
        {.path = "/tmp/intruder.so", .content = must(read_file(INTRUDER_PATH)), .mode = 0755});
    spec.files.push_back({.path = "/etc/ld.so.preload", .content = "/tmp/intruder.so\n"});
    const auto container = must(Container::start(spec));
    constexpr const char* kMark = "/tmp/intruder-was-here";
    const auto marked = [&] {
        return must(container.run([] { return ::access(kMark, F_OK) == 0 ? 1 : 0; }, 0, 0)) == 1;
    };
    (void)must(container.run([] { return ::execl("/bin/true", "true", nullptr); }, uid(), uid()));
    ASSERT_TRUE(marked()) << "the plant is no good: nothing loads it";
    ASSERT_EQ(0, must(container.run([] { return ::unlink(kMark); }, uid(), uid())));
    EXPECT_EQ(alice(), ask_for(container));
    EXPECT_FALSE(marked());
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
