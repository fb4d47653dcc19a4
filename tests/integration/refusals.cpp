/// @file
/// Every way in which a token can't be had has its errno on the key.

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <functional>

#include "support/upcall_test.hpp"

namespace nsupcall::test {
namespace {

class Refusals : public UpcallTest {
  protected:
    static ContainerSpec empty_container(std::uint32_t uid) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.uid = uid;
        spec.gid = uid;
        spec.files = {krb5_conf_file()};
        return spec;
    }
};

TEST_F(Refusals, NoCredentials_IsEnokey) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(empty_container(uid)));
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(container.tid(), uid))));
}

TEST_F(Refusals, NoCredentials_IsForgottenAfterASecond) {
    // A rejected key is remembered for as long as its timeout; a kinit must help at once.
    const auto uid = unused_uid();
    const auto container = must(Container::start(empty_container(uid)));
    const auto fields = fields_for(container.tid(), uid);
    EXPECT_EQ("ENOKEY", refusal(ask(fields)));
    must(container.add_file(
        ccache_file(must(realm().ticket("alice")), fmt::format("/tmp/krb5cc_{}", uid), uid)));
    (void)expect_token(ask(fields), "alice");
}

TEST_F(Refusals, JustBeforeASecondEnds_KeepsItsErrno) {
    // The kernel counts lives of keys in whole seconds of the clock, and looks at a key again when the helper
    // has exited: one rejected for a second just before that ends would have no errno left by then (it says
    // ENOKEY).
    const auto folder = must(TempDir::create());
    const auto script = folder.path() / "helper";
    must(write_file(
        script,
        fmt::format("#!/bin/sh\n{} --test-type=cifs.spnego $1\nexec sleep 0.45\n", NSUPCALL_HELPER_PATH),
        0755));
    const auto rule = must(RequestRule::install({.description = "ver=0x2;host=" + host() + ";ip4=127.0.0.8;*",
                                                 .program = script,
                                                 .arguments = {"%k"}}));
    auto spec = spec_with_ticket(must(realm().ticket("alice")), 0);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    const auto container = must(Container::start(spec));
    auto fields = fields_for(container.tid(), unused_uid(10));
    fields.address = "ip4=127.0.0.8";
    for (timespec now{}; ::clock_gettime(CLOCK_REALTIME, &now) == 0 && now.tv_nsec / 100'000'000 != 7;)
        ::usleep(5000);
    EXPECT_EQ("EACCES", refusal(ask(fields)));
}

TEST_F(Refusals, ExpiredTicket_IsEkeyexpired) {
    const auto uid = unused_uid();
    const auto container =
        must(Container::start(spec_with_ticket(must(realm().expired_ticket("alice")), uid)));
    EXPECT_EQ("EKEYEXPIRED", refusal(ask(fields_for(container.tid(), uid))));
}

TEST_F(Refusals, ExpiredTicketInTheEnvironment_BesideAValidDefault_IsSkipped) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("bob")), uid);
    spec.files.push_back(ccache_file(must(realm().expired_ticket("alice")), "/tmp/old", uid));
    spec.environment = {"KRB5CCNAME=/tmp/old"};
    const auto container = must(Container::start(spec));
    (void)expect_token(ask(fields_for(container.tid(), uid)), "bob");
}

TEST_F(Refusals, UnmappedUser_IsEacces) {
    auto spec = spec_with_ticket(must(realm().ticket("alice")), 0);
    spec.user = UserNamespaceSpec::same({{0, unused_uid(), 10}});
    const auto container = must(Container::start(spec));
    for (const auto outside : {unused_uid(10), unused_uid() - 1, 0U, 1000U}) {
        SCOPED_TRACE(outside);
        EXPECT_EQ("EACCES", refusal(ask(fields_for(container.tid(), outside))));
    }
}

TEST_F(Refusals, CcacheOfSomebodyElse_IsEacces) {
    const auto uid = unused_uid();
    const auto alice = must(realm().ticket("alice"));
    for (const mode_t mode : {0600U, 0644U}) {
        SCOPED_TRACE(mode);
        auto spec = empty_container(uid);
        spec.files.push_back(ccache_file(alice, fmt::format("/tmp/krb5cc_{}", uid), unused_uid(1)));
        spec.files.back().mode = mode;
        const auto container = must(Container::start(spec));
        EXPECT_EQ("EACCES", refusal(ask(fields_for(container.tid(), uid))));
    }
}

TEST_F(Refusals, CcacheOfSomebodyElse_InTheEnvironmentOfRoot_IsEacces) {
    const auto uid = unused_uid();
    auto spec = empty_container(0);
    spec.files.push_back(ccache_file(must(realm().ticket("alice")), "/tmp/cc", unused_uid(1)));
    spec.files.back().mode = 0644;
    spec.environment = {"KRB5CCNAME=/tmp/cc"};
    const auto container = must(Container::start(spec));
    EXPECT_EQ("EACCES", refusal(ask(fields_for(container.tid(), uid))));
}

TEST_F(Refusals, UnknownService_IsEkeyrejected) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.host = "no-service-" + host();
    add_rule(RequestRule::pattern_for(fields.host));
    EXPECT_EQ("EKEYREJECTED", refusal(ask(fields)));
}

TEST_F(Refusals, RequesterThatIsGone_IsEsrch) {
    const auto uid = unused_uid();
    auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    const auto fields = fields_for(container.tid(), uid);
    container.stop();
    EXPECT_EQ("ESRCH", refusal(ask(fields)));
}

TEST_F(Refusals, LeaderThatExited_IsEsrch) {
    // A zombie has no namespaces any more, though a thread of it lives on.
    auto spec = spec_with_ticket(must(realm().ticket("alice")), unused_uid());
    spec.pid_namespace = false;
    spec.task = TaskKind::thread_leader_exited;
    const auto container = must(Container::start(spec));
    EXPECT_EQ("ESRCH", refusal(ask(fields_for(container.pid(), unused_uid()))));
}

TEST_F(Refusals, KernelThread_WithoutARecord_IsNeverServedByTheHost) {
    // pid 2 is kthreadd.
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(2, unused_uid()))));
}

TEST_F(Refusals, Iakerb_IsEinval) {
    const auto uid = unused_uid();
    const auto container = must(Container::start(spec_with_ticket(must(realm().ticket("alice")), uid)));
    auto fields = fields_for(container.tid(), uid);
    fields.sec = "iakerb";
    EXPECT_EQ("EINVAL", refusal(ask(fields)));
}

TEST_F(Refusals, CorruptCcache_IsRefused_AndCrashesNothing) {
    const auto uid = unused_uid();
    const auto good = must(realm().ticket("alice")).ccache;
    std::vector<std::string> contents = {"", "x", std::string(1000, '\xff'), good.substr(0, good.size() / 2),
                                         std::string("\x05\x04\xff\xff", 4) + std::string(70000, 'A')};
    for (const auto& content : contents) {
        SCOPED_TRACE(content.size());
        const auto container = must(Container::start(spec_with_ticket({"", content}, uid)));
        const auto answer = ask(fields_for(container.tid(), uid));
        EXPECT_TRUE(answer.error == EINVAL || answer.error == ENOKEY) << answer.text();
    }
}

TEST_F(Refusals, CorruptKrb5Conf_IsRefused_AndCrashesNothing) {
    const auto uid = unused_uid();
    auto spec = spec_with_ticket(must(realm().ticket("alice")), uid);
    spec.files[0].content = "[libdefaults\n= = {{{\n" + std::string(100000, '{');
    const auto container = must(Container::start(spec));
    const auto answer = ask(fields_for(container.tid(), uid));
    EXPECT_NE(0, answer.error) << answer.text();
    EXPECT_LT(answer.elapsed.count(), 5000);
}

TEST_F(Refusals, CcacheThatIsNoFile_IsRefused_AndDoesNotHang) {
    // A fifo blocks who opens it; a directory, a link to a device.
    const auto uid = unused_uid();
    auto spec = empty_container(0);
    spec.environment = {"KRB5CCNAME=/tmp/odd"};
    const auto container = must(Container::start(spec));
    for (const auto& make : std::vector<std::function<int()>>{
             [] { return ::mkfifo("/tmp/odd", 0666); }, [] { return ::mkdir("/tmp/odd", 0777); },
             [] { return ::symlink("/dev/zero", "/tmp/odd"); },
             [] { return ::symlink("/tmp/odd", "/tmp/odd"); }}) {
        ASSERT_EQ(0, must(container.run([&] { return make() == 0 ? 0 : 1; }, 0, 0)));
        const auto answer = ask(fields_for(container.tid(), uid));
        EXPECT_NE(0, answer.error) << answer.text();
        EXPECT_LT(answer.elapsed.count(), 2000) << answer.text();
        ASSERT_EQ(0, must(container.run([] { return ::remove("/tmp/odd") == 0 ? 0 : 1; }, 0, 0)));
    }
}

}  // namespace
}  // namespace nsupcall::test
