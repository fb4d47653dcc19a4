/// @file
/// Keys of type dns_resolver, the real one of the running kernel.

#include <fmt/format.h>
#include <keyutils.h>
#include <unistd.h>

#include <thread>

#include "helpers/call.hpp"
#include "jobs/job_test.hpp"

namespace nsupcall::test {
namespace {

class Names : public JobTest {
  protected:
    /// A name of this test's own, with a rule that has the helper resolve it.
    std::string name_with_rule(const std::vector<std::string>& options = {}) {
        auto name = unique_word() + ".lab.test";
        add_rule("dns_resolver", name, NSUPCALL_HELPER_PATH, options);
        return name;
    }

    static ContainerSpec container_with(const std::string& hosts, const std::string& resolv_conf = "") {
        ContainerSpec spec;
        spec.net_namespace = true;
        spec.pid_namespace = true;
        spec.files = {{.path = "/etc/hosts", .content = hosts},
                      {.path = "/etc/resolv.conf", .content = resolv_conf},
                      {.path = "/etc/nsswitch.conf", .content = "hosts: files dns\n"}};
        return spec;
    }

    JobAnswer resolve(const Container& container, const std::string& name, const std::string& callout = "") {
        return ask_in(container, {.type = "dns_resolver", .description = name, .callout = callout});
    }

    /// dnsmasq in the network namespace of a container, which knows these records only.
    static Daemon start_dns(const Container& container, const TempDir& folder,
                            const std::vector<std::string>& records) {
        std::vector<std::string> argv = {"dnsmasq",
                                         "--keep-in-foreground",
                                         "--conf-file=/dev/null",
                                         "--no-hosts",
                                         "--no-resolv",
                                         "--listen-address=127.0.0.1",
                                         "--bind-interfaces",
                                         "--user=root",
                                         "--local=/lab.test/",
                                         "--pid-file=" + (folder.path() / "pid").string()};
        argv.insert(argv.end(), records.begin(), records.end());
        auto daemon = must(Daemon::start(
            {.argv = argv, .netns_fd = container.netns_fd(), .log_file = (folder.path() / "log").string()}));
        for (int i = 0; i < 200 && !std::filesystem::exists(folder.path() / "pid"); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        return daemon;
    }
};

// Patient: on a busy machine a datagram may wait for its reader for seconds.
constexpr const char* kLoopbackDns = "nameserver 127.0.0.1\noptions timeout:5 attempts:2\n";

constexpr const char* kNoRules = "/nonexistent/nsupcall.conf";

TEST_F(Names, HostsFileOfTheContainer_Answers) {
    const auto name = name_with_rule();
    const auto container = must(Container::start(container_with("10.1.2.3 " + name + "\n")));
    const auto answer = resolve(container, name);
    EXPECT_EQ("10.1.2.3", answer.text());
    // No DNS told how long it holds: ten minutes.
    EXPECT_TRUE(answer.timeout == "10m" || answer.timeout == "9m") << answer.timeout;
}

TEST_F(Names, ExpireOption_IsTheLifeOfTheKey) {
    const auto name = name_with_rule({"-e", "40"});
    const auto container = must(Container::start(container_with("10.1.2.3 " + name + "\n")));
    const auto answer = resolve(container, name);
    EXPECT_EQ("10.1.2.3", answer.text());
    EXPECT_TRUE(answer.timeout == "40s" || answer.timeout == "39s") << answer.timeout;
}

TEST_F(Names, UserNamespaceAndScratchRoot_AreNoHindrance) {
    const auto name = name_with_rule();
    auto spec = container_with("10.9.8.7 " + name + "\n");
    spec.root = RootKind::scratch;
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 1}});
    const auto container = must(Container::start(spec));
    EXPECT_EQ("10.9.8.7", resolve(container, name).text());
}

TEST_F(Names, WithoutOptions_TheKernelGetsTheOneAddressThatItCanRead) {
    const auto name = name_with_rule();
    const auto container = must(
        Container::start(container_with(fmt::format("10.1.2.3 {0}\n10.1.2.4 {0}\nfd00::1 {0}\n", name))));
    const auto answer = resolve(container, name);
    EXPECT_EQ(std::string::npos, answer.text().find(',')) << answer.text();
    EXPECT_TRUE(answer.text() == "10.1.2.3" || answer.text() == "10.1.2.4" || answer.text() == "fd00::1")
        << answer.text();
}

TEST_F(Names, List_BringsEveryAddressReachableOnesFirst) {
    const auto name = name_with_rule();
    // In a network namespace with nothing but a loopback device, only ::1 and 127.0.0.1 have a source address
    // (RFC 6724 rule 1), and ::1 has the higher precedence (rule 6).
    const auto container = must(Container::start(
        container_with(fmt::format("10.1.2.3 {0}\n127.0.0.1 {0}\nfd00::1 {0}\n::1 {0}\n", name))));
    const auto text = resolve(container, name, "list").text();
    EXPECT_TRUE(text.starts_with("::1,127.0.0.1,")) << text;
    EXPECT_NE(std::string::npos, text.find("10.1.2.3")) << text;
    EXPECT_NE(std::string::npos, text.find("fd00::1")) << text;
}

TEST_F(Names, FamilyOptions_Choose) {
    const auto name = name_with_rule();
    const auto container =
        must(Container::start(container_with(fmt::format("10.1.2.3 {0}\nfd00::1 {0}\n", name))));
    EXPECT_EQ("10.1.2.3", resolve(container, name, "ipv4 list").text());
    EXPECT_EQ("fd00::1", resolve(container, name, "ipv6").text());
}

TEST_F(Names, TwoContainersThatDisagree_GetEachItsOwn) {
    const auto name = name_with_rule();
    const auto one = must(Container::start(container_with("10.0.0.1 " + name + "\n")));
    const auto two = must(Container::start(container_with("10.0.0.2 " + name + "\n")));
    const auto first = resolve(one, name);
    const auto second = resolve(two, name);
    EXPECT_EQ("10.0.0.1", first.text());
    EXPECT_EQ("10.0.0.2", second.text());
    EXPECT_NE(first.serial, second.serial);
    EXPECT_EQ("10.0.0.1", resolve(one, name).text());
}

TEST_F(Names, OneKeyringInTwoNetworks_IsWhatTheKernelMakesOfIt) {
    // dns_resolver keys carry the tag of their network namespace (KEY_TYPE_NET_DOMAIN, since Linux 5.3),
    // which the kernel puts there, whatever a helper does. But they are looked up by going through the
    // keyring (keys of this type match without regard to case and a trailing dot), and
    // keyring_search_iterator() does not compare tags. So who shares a keyring over two networks shares its
    // answers, and an answer to the kernel, which has one keyring for all, must be short-lived (the next
    // test).
    const auto name = name_with_rule();
    const auto one = must(Container::start(container_with("10.0.0.1 " + name + "\n")));
    const auto two = must(Container::start(container_with("10.0.0.2 " + name + "\n")));
    ASSERT_GE(::keyctl_join_session_keyring(nullptr), 0);
    const JobRequest request = {.type = "dns_resolver", .description = name};
    const auto first = ask_sharing_keyring(one, request), second = ask_sharing_keyring(two, request);
    EXPECT_EQ("10.0.0.1", first.text());
    if (first.serial == second.serial)
        EXPECT_EQ("10.0.0.1", second.text());
    else
        EXPECT_EQ("10.0.0.2", second.text()) << "the kernel compares tags";
    RecordProperty("kernel_compares_tags", first.serial == second.serial ? "no" : "yes");
    // The same user with a keyring of its own has its own answer in either case.
    EXPECT_EQ("10.0.0.2", resolve(two, name).text());
}

TEST_F(Names, ContainersAnswerToTheKernelItself_IsGoneInTwoSeconds) {
    const auto name = unique_word() + ".lab.test";
    const auto container = must(Container::start(container_with("10.0.0.1 " + name + "\n")));
    const auto deadline = nsutil::Deadline::after(std::chrono::seconds(15));
    for (const bool proven : {true, false}) {
        const auto result =
            call_names(name, kNoRules, {.tid = container.tid(), .made_by_kernel = true, .proven = proven},
                       600, deadline);
        ASSERT_EQ(0, result.code) << result.message;
        EXPECT_EQ(std::vector<std::string>{"10.0.0.1"}, result.words);
        EXPECT_EQ(proven ? 2U : 600U, result.lives_seconds);
    }
    const auto own = call_names("192.0.2.5", kNoRules,
                                {.tid = ::gettid(), .made_by_kernel = true, .proven = true}, 600, deadline);
    EXPECT_EQ(600U, own.lives_seconds) << own.message;
}

TEST_F(Names, Dns_IsAskedInTheNetworkOfTheContainerAndTellsTheLife) {
    const auto name = name_with_rule();
    const auto container = must(Container::start(container_with("127.0.0.1 localhost\n", kLoopbackDns)));
    const auto folder = must(TempDir::create());
    const auto dns =
        start_dns(container, folder, {"--host-record=" + name + ",10.5.0.1,fd05::1", "--local-ttl=77"});
    ASSERT_TRUE(dns.alive()) << read_file(folder.path() / "log").value_or("");
    // How long it lives is asked for a second time, for a second at most: a busy machine may lose that, and
    // then the answer lives for ten minutes.
    JobAnswer answer;
    for (int i = 0; i < 10 && !answer.timeout.ends_with("s") && answer.timeout != "1m"; ++i) {
        answer = resolve(container, name, "list");
        EXPECT_TRUE(answer.text() == "10.5.0.1,fd05::1" || answer.text() == "fd05::1,10.5.0.1")
            << answer.text();
    }
    EXPECT_TRUE(answer.timeout == "1m" || answer.timeout == "77s" || answer.timeout == "76s")
        << answer.timeout;
}

TEST_F(Names, NameThatIsNotThere_IsAKeyWithEnodata) {
    const auto name = name_with_rule();
    const auto container = must(Container::start(container_with("127.0.0.1 localhost\n", kLoopbackDns)));
    const auto folder = must(TempDir::create());
    const auto dns = start_dns(container, folder, {});
    const auto answer = resolve(container, name);
    EXPECT_TRUE(answer.has_key);
    EXPECT_EQ("ENODATA", answer.text());
}

TEST_F(Names, DnsThatDoesNotAnswer_IsEagain) {
    const auto name = name_with_rule();
    const auto container = must(Container::start(container_with("", kLoopbackDns)));
    // Nobody listens there: the resolver gets a refusal at once, and says that later may help.
    const auto answer = resolve(container, name);
    EXPECT_TRUE(answer.has_key);
    EXPECT_EQ("EAGAIN", answer.text());
}

TEST_F(Names, DnsThatHangs_EndsAtTheDeadline) {
    const auto name = name_with_rule({"--deadline=1000"});
    auto spec = container_with("", "nameserver 127.0.0.1\noptions timeout:5 attempts:3\n");
    const auto container = must(Container::start(spec));
    const auto folder = must(TempDir::create());
    // dnsmasq that forwards to an address where packets get lost.
    const auto dns = start_dns(container, folder, {"--server=/" + name + "/127.0.0.9#9"});
    const auto answer = resolve(container, name);
    EXPECT_FALSE(answer.has_key);
    EXPECT_EQ("ETIMEDOUT", answer.text());
    // Less than the resolver would have taken: three tries of five seconds.
    EXPECT_LT(answer.elapsed_ms, 8000);
}

TEST_F(Names, Address_IsItsOwnAnswer) {
    add_rule("dns_resolver", "192.0.2.77", NSUPCALL_HELPER_PATH, {});
    EXPECT_EQ("192.0.2.77", ask({.type = "dns_resolver", .description = "192.0.2.77"}).text());
}

TEST_F(Names, MalformedName_IsEinval) {
    const auto word = unique_word();
    add_rule("dns_resolver", word + "*", NSUPCALL_HELPER_PATH, {});
    for (const auto* bad : {"/etc", " x", "@x", "#dnserror=1", ",10.0.0.1", "\x01"})
        EXPECT_EQ("EINVAL", ask({.type = "dns_resolver", .description = word + bad}).text()) << bad;
}

TEST_F(Names, AfsQuery_IsAnsweredAsByKeyutilsOwnHelper) {
    const auto word = unique_word();
    add_rule("dns_resolver", "afsdb:" + word + "a.invalid", NSUPCALL_HELPER_PATH, {});
    add_rule("dns_resolver", "afsdb:" + word + "b.invalid", "/sbin/key.dns_resolver", {});
    const auto ours = ask({.type = "dns_resolver", .description = "afsdb:" + word + "a.invalid"});
    const auto theirs = ask({.type = "dns_resolver", .description = "afsdb:" + word + "b.invalid"});
    EXPECT_EQ(theirs.text(), ours.text());
    EXPECT_EQ(theirs.has_key, ours.has_key);
    // EINVAL is what we say of a query that is not served here.
    EXPECT_NE("EINVAL", ours.text());
}

TEST_F(Names, HostProcess_HasTheHostsNames) {
    add_rule("dns_resolver", "localhost", NSUPCALL_HELPER_PATH, {});
    const auto text = ask({.type = "dns_resolver", .description = "localhost"}).text();
    EXPECT_TRUE(text == "127.0.0.1" || text == "::1") << text;
}

TEST_F(Names, OldTypeName_IsServed) {
    const auto name = unique_word() + ".lab.test";
    add_rule("user", name, NSUPCALL_HELPER_PATH, {"--test-type=cifs.resolver"});
    const auto container = must(Container::start(container_with("10.1.2.3 " + name + "\n")));
    const auto answer = ask_in(container, {.type = "user", .description = name});
    EXPECT_EQ(std::string("10.1.2.3") + '\0', answer.payload);
}

}  // namespace
}  // namespace nsupcall::test
