/// @file
/// Call types with a key id, from inside containers; and principals.

#include <fmt/format.h>

#include <cstring>

#include "jobs/job_test.hpp"

namespace nsupcall::test {
namespace {

std::string id_payload(std::uint32_t id) {
    std::string payload(sizeof id, '\0');
    std::memcpy(payload.data(), &id, sizeof id);
    return payload;
}

class Calls : public JobTest {
  protected:
    /// A container whose krb5.conf maps principals of LAB.TEST to local users, and whose users are its own.
    static ContainerSpec container_with_users(std::optional<UserNamespaceSpec> user) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = std::move(user);
        spec.files = {
            {.path = "/etc/krb5.conf",
             .content = "[libdefaults]\n default_realm = LAB.TEST\n dns_lookup_kdc = false\n[realms]\n"
                        " LAB.TEST = {\n  auth_to_local = "
                        "RULE:[1:ctr-$1@$0](ctr-.*@LAB\\.TEST)s/^ctr-//s/@.*$//\n }\n"},
            {.path = "/etc/passwd",
             .content = "root:x:0:0::/:/bin/sh\nbroken\nalice:x:12:13::/:/bin/sh\ndave:x:14:13::/:/bin/sh\n"
                        "carol:x:1200:13::/:/bin/sh\n"}};
        return spec;
    }

    /// Adds a rule for this principal and asks. One principal, one call: of two rules for it one would win.
    JobAnswer ask_call(const Container& container, const std::string& call, const std::string& principal) {
        add_rule("user", principal, NSUPCALL_HELPER_PATH, {"--test-type=cifs.idmap", call});
        return ask_in(container, {.type = "user", .description = principal});
    }
};

TEST_F(Calls, PrincipalInAContainer_HasTheContainersUser) {
    const auto container = must(Container::start(container_with_users(std::nullopt)));
    EXPECT_EQ(id_payload(12), ask_call(container, "uid.krb5", "alice@LAB.TEST").payload);
    EXPECT_EQ(id_payload(13), ask_call(container, "gid.krb5", "dave@LAB.TEST").payload);
    EXPECT_EQ("ENOKEY", ask_call(container, "uid.krb5", "nobodyatall@LAB.TEST").text());
    EXPECT_EQ("ENOKEY", ask_call(container, "uid.krb5", "alice@OTHER.TEST").text());
}

TEST_F(Calls, PrincipalInAUserNamespace_HasTheHostsIds) {
    const auto first = unused_uid();
    const auto container =
        must(Container::start(container_with_users(UserNamespaceSpec::same({{0, first, 64}}))));
    EXPECT_EQ(id_payload(first + 12), ask_call(container, "uid.krb5", "alice@LAB.TEST").payload);
    EXPECT_EQ(id_payload(first + 13), ask_call(container, "gid.krb5", "dave@LAB.TEST").payload);
    // 1200 is not mapped: whoever that is on the host, it is not carol.
    EXPECT_EQ("EACCES", ask_call(container, "uid.krb5", "carol@LAB.TEST").text());
}

TEST_F(Calls, DfsWithAKeyId_AnswersAsADnsResolverKey) {
    const auto name = unique_word() + ".lab.test";
    add_rule("user", name, NSUPCALL_HELPER_PATH, {"--test-type=dns_resolver", "dfs"});
    ContainerSpec spec;
    spec.files = {{.path = "/etc/hosts", .content = "10.3.2.1 " + name + "\n"}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ(std::string("10.3.2.1") + '\0',
              ask_in(container, {.type = "user", .description = name}).payload);
}

TEST_F(Calls, KeyWithAKeyId_IsTheDefault) {
    const auto name = unique_word() + ".lab.test";
    add_rule("user", name, NSUPCALL_HELPER_PATH, {"--test-type=dns_resolver", "key"});
    ContainerSpec spec;
    spec.files = {{.path = "/etc/hosts", .content = "10.3.2.1 " + name + "\n"}};
    const auto container = must(Container::start(spec));
    EXPECT_EQ(std::string("10.3.2.1") + '\0',
              ask_in(container, {.type = "user", .description = name}).payload);
}

TEST_F(Calls, GroupCallsWithAKeyId_AskForGroups) {
    add_rule("user", "S-1-22-2-1900000001", NSUPCALL_HELPER_PATH, {"--test-type=cifs.idmap", "gid.sids"});
    EXPECT_EQ(id_payload(1900000001), ask({.type = "user", .description = "S-1-22-2-1900000001"}).payload);
    add_rule("user", "1900000002", NSUPCALL_HELPER_PATH,
             {"--test-type=cifs.idmap", "--sources=unix", "gid.idmap"});
    EXPECT_EQ(std::string("\1\2\0\0\0\0\0\x16\2\0\0\0", 12) + id_payload(1900000002),
              ask({.type = "user", .description = "1900000002"}).payload);
}

TEST_F(Calls, ByHand_EveryCallAnswersOrSaysWhy) {
    const struct {
        std::vector<std::string> words;
        int exit_code;
        const char* output;
    } calls[] = {{{"dfs", "192.0.2.1"}, 0, "192.0.2.1\n"},
                 {{"uid.sids", "S-1-22-1-7"}, 0, "7\n"},
                 {{"gid.sids", "S-1-5-32-545"}, 0, "100\n"},
                 {{"--sources=unix", "uid.idmap", "7"}, 0, "S-1-22-1-7\n"},
                 {{"--sources=unix", "gid.idmap", "7"}, 0, "S-1-22-2-7\n"},
                 {{"uid.krb5", "root@NO.SUCH.REALM"}, 1, "ENOKEY"},
                 {{"gid.krb5", ""}, 1, "EINVAL"},
                 {{"uid.sids", "S-1"}, 1, "EINVAL"},
                 {{"dfs", "a b"}, 1, "EINVAL"},
                 {{"--json", "dfs", "192.0.2.1"}, 0, "\"answer\":[\"192.0.2.1\"]"},
                 {{"key", "x"}, 64, "bad key id"},
                 {{"uid", "1"}, 64, "no such call type"},
                 {{"uid.sids", "1", "2"}, 64, "too many"},
                 {{}, 64, "no key id"}};
    for (const auto& [words, exit_code, output] : calls) {
        std::vector<std::string> argv = {NSUPCALL_HELPER_PATH};
        argv.insert(argv.end(), words.begin(), words.end());
        const auto finished = by_hand(argv);
        EXPECT_EQ(exit_code, finished.exit_code) << finished.output;
        EXPECT_NE(std::string::npos, finished.output.find(output)) << finished.output;
    }
}

}  // namespace
}  // namespace nsupcall::test
