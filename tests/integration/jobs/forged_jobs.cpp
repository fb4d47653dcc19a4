/// @file
/// Ids, names and passwords asked for by others than the kernel: any user may make such keys. They are
/// answered within the asker's own namespaces or refused, and the log names the asker.

#include <fmt/format.h>
#include <keyutils.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "jobs/job_test.hpp"
#include "support/control_group.hpp"
#include "support/log_sink.hpp"
#include "support/pid_namespace.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

enum class Where : std::uint8_t { container, user_namespace };

struct Forger {
    const char* name;
    Where where;
    std::uint32_t uid;  ///< inside
    bool proof;         ///< the rule passes %T
    bool old_name;      ///< asked of cifs.upcall, as cifs-utils' rules may, and not of cifs.idmap
    friend void PrintTo(const Forger& forger, std::ostream* out) { *out << forger.name; }
};

class ForgedJobs : public JobTest {
  protected:
    void SetUp() override {
        JobTest::SetUp();
        if (unified_hierarchy().empty()) NSUPCALL_SKIP("no unified control group hierarchy is mounted");
        sink_.emplace(folder_.path() / "log");
    }

    /// A rule whose helper logs to the test.
    void serve(const std::string& type, const std::string& pattern, const char* helper,
               std::vector<std::string> options, bool proof = true) {
        options.insert(options.begin(), {sink_->path().string(), "syslog", helper, "--history-dir="});
        if (proof) options.insert(options.end(), {"--thread-keyring", "%T"});
        add_rule(type, pattern, NSUPCALL_PRIVATE_LOG_PATH, options);
    }

    static ContainerSpec spec(Where where, std::vector<ContainerFile> files = {}) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.files = std::move(files);
        if (where == Where::user_namespace) spec.user = UserNamespaceSpec::same({{0, unused_uid(), 60}});
        return spec;
    }

    /// Asks in a group that a container engine would have made, as a process of a name of its own.
    JobAnswer ask_as_forger(const Container& container, const JobRequest& request, std::uint32_t uid) {
        const ControlGroup group("docker-" + container_id() + ".scope", ::getpid());
        const ChildrenInPidNamespace inside(container.pid());
        // Inherited by the process that asks.
        char own_name[16] = {};
        (void)::prctl(PR_GET_NAME, own_name);
        (void)::prctl(PR_SET_NAME, "the-forger");
        auto answer = ask_in(container, request, uid, uid);
        (void)::prctl(PR_SET_NAME, own_name);
        return answer;
    }

    /// The one record of the request names the asker.
    std::string expect_told(std::uint32_t host_uid) {
        const auto all = sink_->records();
        EXPECT_EQ(1U, all.size());
        if (all.empty()) return {};
        for (const auto& part : {std::string(" (the-forger) of process "), fmt::format(", uid {} ", host_uid),
                                 " container " + container_id()})
            EXPECT_NE(std::string::npos, all[0].find(part)) << part << " in " << all[0];
        return all[0];
    }

    TempDir folder_ = must(TempDir::create());
    std::optional<LogSink> sink_;
};

class ForgedIdmap : public ForgedJobs, public testing::WithParamInterface<Forger> {};

TEST_P(ForgedIdmap, Question_IsEperm_AndTheWarningNamesTheAsker) {
    const auto& forger = GetParam();
    // What the host's map would say is no business of a container's.
    const auto sid = fmt::format("S-1-5-21-{}-77-{}", ::getpid(), unique_word().size());
    const auto map = folder_.path() / "idmap";
    must(write_file(map, "user " + sid + " 7001\n"));
    serve("user", "os:" + sid, forger.old_name ? NSUPCALL_HELPER_PATH : NSUPCALL_IDMAP_HELPER_PATH,
          {"--test-type=cifs.idmap", "--test-origin", "--map-file=" + map.string()}, forger.proof);
    const auto container = must(Container::start(spec(forger.where)));
    const auto answer = ask_as_forger(container, {.type = "user", .description = "os:" + sid}, forger.uid);
    EXPECT_EQ("EPERM", answer.text());
    EXPECT_FALSE(answer.has_key);
    const auto record =
        expect_told(forger.where == Where::user_namespace ? unused_uid(forger.uid) : forger.uid);
    // LOG_AUTHPRIV and LOG_WARNING.
    EXPECT_TRUE(record.starts_with("<84>")) << record;
    EXPECT_NE(std::string::npos, record.find("refused with EPERM: the request is not the kernel's"))
        << record;
}

const Forger kForgers[] = {
    {"RootOfAContainer", Where::container, 0, true, false},
    {"UserOfAContainer", Where::container, 5, true, false},
    {"RootOfAUserNamespace", Where::user_namespace, 0, true, false},
    {"UserOfAUserNamespace", Where::user_namespace, 5, true, false},
    {"RootOfAContainerAsksCifsUpcall", Where::container, 0, true, true},
    {"RootOfAUserNamespaceAsksCifsUpcall", Where::user_namespace, 0, true, true},
    {"UserOfAContainerByKeyOnly", Where::container, 5, false, false},
    {"RootOfAUserNamespaceByKeyOnly", Where::user_namespace, 0, false, false},
    {"UserOfAUserNamespaceAsksCifsUpcallByKeyOnly", Where::user_namespace, 5, false, true},
};

INSTANTIATE_TEST_SUITE_P(Table, ForgedIdmap, testing::ValuesIn(kForgers),
                         [](const auto& row) { return std::string(row.param.name); });

TEST_F(ForgedJobs, IdmapQuestion_WithASourceOfItsOwn_IsAnsweredForTheAskerAlone) {
    const auto sid = fmt::format("S-1-5-21-{}-78-1", ::getpid());
    serve("user", "os:" + sid, NSUPCALL_IDMAP_HELPER_PATH,
          {"--test-type=cifs.idmap", "--test-origin", "--sources=container-map,map",
           "--container-map-file=/tmp/own.idmap", "--map-file=/nonexistent/idmap"});
    const auto container = must(Container::start(
        spec(Where::user_namespace, {{.path = "/tmp/own.idmap", .content = "user " + sid + " 7\n"}})));
    const JobRequest request = {.type = "user", .description = "os:" + sid};
    const auto answer = ask_as_forger(container, request, 0);
    ASSERT_EQ(4U, answer.payload.size()) << answer.text();
    std::uint32_t id = 0;
    std::memcpy(&id, answer.payload.data(), sizeof id);
    EXPECT_EQ(unused_uid(7), id) << "an id that its own user namespace maps";
    (void)expect_told(unused_uid());
    // Nobody else gets it: neither another container nor the host, which asks anew.
    const auto other = must(Container::start(spec(Where::user_namespace)));
    EXPECT_NE(answer.payload, ask_as_forger(other, request, 0).payload);
}

TEST_F(ForgedJobs, Name_IsAnsweredAsTheAskersOwnHostsFileSays) {
    const auto name = unique_word() + ".lab.test";
    serve("dns_resolver", name, NSUPCALL_HELPER_PATH, {});
    const auto files = [](const std::string& hosts) {
        return std::vector<ContainerFile>{{.path = "/etc/hosts", .content = hosts},
                                          {.path = "/etc/resolv.conf", .content = ""},
                                          {.path = "/etc/nsswitch.conf", .content = "hosts: files\n"}};
    };
    const auto victim = must(Container::start(spec(Where::container, files("10.0.0.1 " + name + "\n"))));
    const auto forger = must(Container::start(spec(Where::container, files("10.0.0.2 " + name + "\n"))));
    const auto ignorant = must(Container::start(spec(Where::user_namespace, files("127.0.0.1 localhost\n"))));
    const JobRequest request = {.type = "dns_resolver", .description = name};
    EXPECT_EQ("10.0.0.1", ask_as_forger(victim, request, 5).text());
    (void)expect_told(5);
    EXPECT_EQ("10.0.0.2", ask_as_forger(forger, request, 0).text());
    (void)expect_told(0);
    EXPECT_EQ("ENODATA", ask_as_forger(ignorant, request, 0).text());
    (void)expect_told(unused_uid());
}

TEST_F(ForgedJobs, NameThatARuleDenies_IsEacces_AndTheRecordNamesTheAsker) {
    const auto name = unique_word() + ".lab.test";
    const auto rules = folder_.path() / "rules";
    must(write_file(rules, "[rules]\n no = {\n kind = container\n deny = yes\n }\n"));
    serve("dns_resolver", name, NSUPCALL_HELPER_PATH, {"--config=" + rules.string()});
    const auto container = must(Container::start(spec(Where::user_namespace)));
    EXPECT_EQ("EACCES", ask_as_forger(container, {.type = "dns_resolver", .description = name}, 5).text());
    (void)expect_told(unused_uid(5));
}

TEST_F(ForgedJobs, Password_IsTheAskersOwnOrNone) {
    const auto pid = static_cast<unsigned>(::getpid());
    const auto description = fmt::format("cifs:a:fd5f::{:x}:{:x}:1", pid >> 16U, pid & 0xffffU);
    serve("user", description, NSUPCALL_HELPER_PATH,
          {"--test-type=logon", "--test-origin", "--logon-file=/tmp/credentials-%{uid}"});
    const auto file = [](std::uint32_t uid, const std::string& user) {
        return ContainerFile{.path = fmt::format("/tmp/credentials-{}", uid),
                             .content = "username=" + user + "\npassword=x\n",
                             .mode = 0600,
                             .uid = uid,
                             .gid = uid};
    };
    const auto victim = must(Container::start(spec(Where::user_namespace, {file(5, "bob")})));
    const auto forger =
        must(Container::start(spec(Where::user_namespace, {file(5, "alice"), file(6, "carol")})));
    const auto bare = must(Container::start(spec(Where::container)));
    const JobRequest request = {.type = "user", .description = description};
    EXPECT_EQ("alice:x", ask_as_forger(forger, request, 5).text());
    (void)expect_told(unused_uid(5));
    EXPECT_EQ("carol:x", ask_as_forger(forger, request, 6).text());
    (void)expect_told(unused_uid(6));
    for (const std::uint32_t uid : {0U, 5U}) {
        EXPECT_EQ("ENOKEY", ask_as_forger(bare, request, uid).text());
        (void)expect_told(uid);
    }
}

}  // namespace
}  // namespace nsupcall::test
