/// @file
/// Rules of the host for ids and passwords.

#include <fmt/format.h>
#include <unistd.h>

#include <cstring>

#include "jobs/job_test.hpp"

namespace nsupcall::test {
namespace {

std::string id_payload(std::uint32_t id) {
    std::string payload(sizeof id, '\0');
    std::memcpy(payload.data(), &id, sizeof id);
    return payload;
}

class JobRules : public JobTest {
  protected:
    void use_rules(const std::string& text) { must(write_file(config(), text, 0644)); }
    [[nodiscard]] std::string config() const { return (folder_.path() / "nsupcall.conf").string(); }

    /// A SID of this test's own, which a helper with the rules and these options is asked for.
    std::string sid_with_rule(std::vector<std::string> options = {}) {
        static unsigned number = 0;
        auto sid = fmt::format("S-1-5-21-{}-{}-9-1001", ::getpid(), ++number);
        options.insert(options.begin(), {"--test-type=cifs.idmap", "--config=" + config()});
        add_rule("user", "os:" + sid, NSUPCALL_IDMAP_HELPER_PATH, options);
        return sid;
    }
    static ContainerSpec mapped(const std::string& sid, std::uint32_t first) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, first, 16}});
        spec.files = {{.path = "/tmp/own.idmap", .content = "user " + sid + " 5\n"}};
        return spec;
    }
    std::string map_in(const Container& container, const std::string& sid) {
        const auto answer = ask_in(container, {.type = "user", .description = "os:" + sid});
        return answer.error != 0 ? answer.text() : answer.payload;
    }

    static constexpr const char* kOwnMap =
        " idmap_sources = container-map map\n idmap_container_file = /tmp/own.idmap\n"
        " idmap_file = /nonexistent/idmap\n";

    static ContainerSpec with_password(const std::string& path) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, unused_uid(8), 1}, {1000, unused_uid(9), 1}});
        spec.uid = 1000;
        spec.gid = 1000;
        spec.files = {{.path = path,
                       .content = "username=alice\npassword=pw\n",
                       .mode = 0600,
                       .uid = spec.uid,
                       .gid = spec.gid}};
        return spec;
    }
    /// An address of this test's own in 2001:db8:5e::/48, as a logon key names it.
    std::string logon_with_rule(const std::vector<std::string>& options = {}) {
        static unsigned number = 0;
        const auto pid = static_cast<unsigned>(::getpid());
        auto description =
            fmt::format("cifs:a:2001:db8:5e::{:x}:{:x}:{:x}", pid >> 16U, pid & 0xffffU, ++number);
        auto all = options;
        all.insert(all.begin(), {"--test-type=logon", "--config=" + config()});
        add_rule("user", description, NSUPCALL_HELPER_PATH, all);
        return description;
    }
    std::string logon_in(const Container& container, const std::string& description) {
        return ask_in(container, {.type = "user", .description = description}, 1000, 1000).text();
    }

    TempDir folder_ = must(TempDir::create());
};

TEST_F(JobRules, ContainersMap_IsAskedByRuleOnly) {
    const auto first = unused_uid();
    use_rules(fmt::format("[rules]\n 10 = {{\n kind = container\n{} }}\n", kOwnMap));
    const auto sid = sid_with_rule();
    const auto container = must(Container::start(mapped(sid, first)));
    EXPECT_EQ(id_payload(first + 5), map_in(container, sid));
    use_rules("");
    EXPECT_EQ("ENOKEY", map_in(container, sid));
}

TEST_F(JobRules, HostsMapOfTheRule_IsUsed) {
    const auto sid = sid_with_rule({"--map-file=/nonexistent/idmap"});
    const auto map = folder_.path() / "map";
    must(write_file(map, "user " + sid + " 7001\n", 0644));
    use_rules(fmt::format("[defaults]\n idmap_file = {}\n", map.string()));
    const auto answer = ask({.type = "user", .description = "os:" + sid});
    EXPECT_EQ(id_payload(7001), answer.payload) << answer.text();
}

TEST_F(JobRules, Conditions_AreTheAskers) {
    const auto first = unused_uid();
    const auto sid = sid_with_rule();
    const auto container = must(Container::start(mapped(sid, first)));
    for (const auto& [condition, holds] : {std::pair{"kind = host", false},
                                           {"kind = container", true},
                                           {"host = fs.lab.test", false},
                                           {"user = *", true}}) {
        use_rules(fmt::format("[rules]\n 10 = {{\n {}\n{} }}\n", condition, kOwnMap));
        EXPECT_EQ(holds ? id_payload(first + 5) : "ENOKEY", map_in(container, sid)) << condition;
    }
    use_rules(fmt::format("[rules]\n 10 = {{\n creduid = {}\n{} }}\n", first, kOwnMap));
    EXPECT_EQ(id_payload(first + 5), map_in(container, sid));
    use_rules("[rules]\n 10 = {\n kind = container\n deny = yes\n }\n");
    EXPECT_EQ("EACCES", map_in(container, sid));
}

TEST_F(JobRules, BrokenRules_LeaveNothingToTheContainer) {
    const auto first = unused_uid();
    // Also what the option in request-key's rule would give.
    const auto sid = sid_with_rule({"--sources=container-map,map", "--container-map-file=/tmp/own.idmap"});
    const auto container = must(Container::start(mapped(sid, first)));
    use_rules("");
    EXPECT_EQ(id_payload(first + 5), map_in(container, sid));
    for (const auto* broken : {"[rules]\n 10 = {\n idmap_sources = nowhere\n }\n",
                               "[rules]\n 10 = {\n }\n }\n", "[defaults]\n idmap_sources = map map\n"}) {
        use_rules(broken);
        EXPECT_EQ("ENOKEY", map_in(container, sid)) << broken;
    }
}

TEST_F(JobRules, Passwords_AreSwitchedOnByRule) {
    const auto container = must(Container::start(with_password("/tmp/credentials")));
    const auto description = logon_with_rule();
    use_rules("");
    EXPECT_EQ("ENOKEY", logon_in(container, description));
    use_rules("[rules]\n 10 = {\n kind = container\n logon = yes\n logon_file = /tmp/credentials\n }\n");
    EXPECT_EQ("alice:pw", logon_in(container, description));
    // For one network only.
    use_rules(
        "[rules]\n 10 = {\n address = 2001:db8:5e::/48\n logon = yes\n logon_file = /tmp/credentials\n }\n");
    EXPECT_EQ("alice:pw", logon_in(container, description));
    use_rules("[rules]\n 10 = {\n address = 10.0.0.0/8\n logon = yes\n logon_file = /tmp/credentials\n }\n");
    EXPECT_EQ("ENOKEY", logon_in(container, description));
}

TEST_F(JobRules, Passwords_AreSwitchedOffByRule_WhateverTheOptionsSay) {
    const auto container = must(Container::start(with_password("/tmp/credentials")));
    const auto description = logon_with_rule({"--logon-file=/tmp/credentials"});
    use_rules("");
    EXPECT_EQ("alice:pw", logon_in(container, description));
    for (const auto* off :
         {"[rules]\n 10 = {\n kind = container\n logon = no\n }\n",
          "[rules]\n 10 = {\n logon = perhaps\n }\n", "[rules]\n 10 = {\n logon = no\n }\n }\n"}) {
        use_rules(off);
        EXPECT_EQ("ENOKEY", logon_in(container, description)) << off;
    }
    use_rules("[rules]\n 10 = {\n deny = yes\n }\n");
    EXPECT_EQ("EACCES", logon_in(container, description));
}

}  // namespace
}  // namespace nsupcall::test
