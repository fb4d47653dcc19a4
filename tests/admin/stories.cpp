/// @file
/// The stories of docs/ADMIN.md, lived through: what the manual shows is what the command says.
///
/// With NSUPCALL_STORIES=FOLDER each story's screen is left in a file there, from which
/// tests/admin/write_stories fills the manual.

#include <glob.h>

#include <cstdlib>
#include <regex>
#include <thread>

#include "admin/explain_test.hpp"
#include "nsutil/task.hpp"
#include "support/network.hpp"

namespace nsupcall::test {
namespace {

/// Ids as the kubelet gives them to a pod with a user namespace: beyond 2^31.
constexpr std::uint32_t kPodBase = 3'392'012'288, kUser = 1000;

/// What differs from run to run: processes, ports, spans of seconds, the realm's made-up host.
std::string normalise(std::string text) {
    const std::pair<const char*, const char*> rules[] = {
        {R"(\[[0-9]+\])", "[PID]"},      {R"(nsenter -t [0-9]+)", "nsenter -t PID"},
        {R"(port [0-9]+)", "port PORT"}, {R"(127\.0\.0\.1:[0-9]+)", "127.0.0.1:PORT"},
        {R"([0-9]+ s ago)", "SPAN ago"}, {R"(key [0-9]+)", "key KEY"},
        {R"(uid 1[0-9]{9})", "uid UID"}, {R"(krb5cc_1[0-9]{9})", "krb5cc_UID"}};
    for (const auto& [pattern, name] : rules) text = std::regex_replace(text, std::regex(pattern), name);
    return text;
}

/// From the outcome on: the part that must stay true.
std::string ending(const std::string& screen) {
    const auto at = screen.find("     outcome  ");
    return at == std::string::npos ? "no outcome in: " + screen : normalise(screen.substr(at));
}

/// The block of docs/ADMIN.md behind the story's mark.
std::string documented(const std::string& name) {
    const auto manual = must(read_file(NSUPCALL_ADMIN_MANUAL));
    const auto mark = manual.find("<!-- story: " + name + " -->");
    if (mark == std::string::npos) return "the manual has no story " + name;
    const std::string fence = "```";
    const auto begin = manual.find('\n', manual.find(fence, mark)) + 1;
    return manual.substr(begin, manual.find(fence, begin) - begin);
}

class Stories : public ExplainCommand {
  protected:
    /// A pod's process with the id 1000 inside, and `ccache` in its default place where there is one.
    static ContainerSpec pod(const std::string& ccache = {}) {
        ContainerSpec spec;
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, kPodBase, 65536}});
        spec.uid = spec.gid = kUser;
        spec.files = {krb5_conf_file()};
        if (!ccache.empty())
            spec.files.push_back({.path = fmt::format("/tmp/krb5cc_{}", kUser),
                                  .content = ccache,
                                  .mode = 0600,
                                  .uid = kUser,
                                  .gid = kUser});
        return spec;
    }

    static pid_t kernel_thread() {
        for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
            const auto task = nsutil::Task::open(std::atoi(entry.path().filename().c_str()));
            const auto stat = task ? task->stat() : nsutil::fail(ESRCH, "");
            if (stat && stat->is_kernel_thread()) return task->tid();
        }
        throw std::runtime_error("no kernel thread is to be seen in /proc");
    }

    /// Runs the command, compares its ending with the manual's, and leaves the screen where that is wanted.
    void tell(const std::string& name, std::vector<std::string> arguments, int exit_code) {
        const bool has_host = std::ranges::find(arguments, "--host") != arguments.end() ||
                              std::ranges::find(arguments, "--key") != arguments.end();
        if (!has_host) arguments.insert(arguments.end(), {"--host", host()});
        std::string screen = "$ nsupcall explain";
        for (const auto& argument : arguments) screen += " " + argument;
        auto all = arguments;
        all.insert(all.begin(), {"explain", "--config", config_, "--session-dir",
                                 (folder_->path() / "sessions").string()});
        const auto finished = nsupcall_command(std::move(all));
        EXPECT_EQ(exit_code, finished.exit_code) << finished.output;
        screen += "\n" + finished.output;
        for (std::size_t at = 0; (at = screen.find(host(), at)) != std::string::npos;)
            screen.replace(at, host().size(), "fs.lab.test");
        if (const char* folder = std::getenv("NSUPCALL_STORIES"))
            must(write_file(std::filesystem::path(folder) / name, screen));
        else
            EXPECT_EQ(ending(documented(name)), ending(screen));
    }
    void tell(const std::string& name, const Container& container, std::vector<std::string> more = {},
              int exit_code = 1) {
        more.insert(more.begin(), {"--pid", std::to_string(container.tid())});
        tell(name, std::move(more), exit_code);
    }
};

TEST_F(Stories, Expired) {
    const auto container = must(Container::start(pod(must(realm().expired_ticket("alice")).ccache)));
    tell("expired", container);
    EXPECT_EQ("EKEYEXPIRED", refusal(ask(fields_for(container.tid(), kPodBase + kUser))));
}

TEST_F(Stories, WrongRealm) {
    auto spec = pod(must(realm().ticket("alice")).ccache);
    spec.files.front().content =
        "[libdefaults]\n    default_realm = CORP.TEST\n    dns_lookup_kdc = false\n    dns_lookup_realm = "
        "false\n"
        "[realms]\n    CORP.TEST = {\n        kdc = 127.0.0.1:88\n    }\n";
    const auto container = must(Container::start(spec));
    tell("wrong-realm", container);
    EXPECT_EQ("EHOSTUNREACH", refusal(ask(fields_for(container.tid(), kPodBase + kUser))));
}

TEST_F(Stories, UnmappedUid) {
    const auto container = must(Container::start(pod(must(realm().ticket("alice")).ccache)));
    tell("unmapped-uid", container, {"--uid", std::to_string(kUser)});
    EXPECT_EQ("EACCES", refusal(ask(fields_for(container.tid(), kUser))));
}

TEST_F(Stories, PrivateTmp) {
    // The ticket is in the service's /tmp, and a program outside asks.
    const auto uid = unused_uid();
    ContainerSpec outside;
    outside.uid = outside.gid = uid;
    outside.files = {krb5_conf_file()};
    auto service = outside;
    service.files.push_back(
        ccache_file(must(realm().ticket("alice")), fmt::format("/tmp/krb5cc_{}", uid), uid));
    const auto with_ticket = must(Container::start(service));
    const auto without = must(Container::start(outside));
    tell("private-tmp", without);
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(without.tid(), uid))));
    expect_token(ask(fields_for(with_ticket.tid(), uid)), "alice");
}

TEST_F(Stories, CsiSecret) {
    auto spec = pod();
    spec.environment = {"KRB5CCNAME=FILE:/tmp/secret/krb5cc"};
    spec.files.push_back({.path = "/tmp/secret/krb5cc",
                          .content = must(realm().ticket("alice")).ccache,
                          .mode = 0400,
                          .uid = 0,
                          .gid = 0});
    const auto container = must(Container::start(spec));
    tell("csi-secret", container);
    EXPECT_EQ("EACCES", refusal(ask(fields_for(container.tid(), kPodBase + kUser))));
}

TEST_F(Stories, ClockSkew) {
    const auto container = must(Container::start(pod(must(realm().ticket("alice")).ccache)));
    realm().stop_kdc();
    const auto folder = realm().folder();
    // Not by faketime(1), which stays in between and does not hand signals on.
    glob_t found = {};
    ASSERT_EQ(0, ::glob("/usr/lib/*/faketime/libfaketime.so.1", 0, nullptr, &found));
    auto later = must(Daemon::start(
        {.argv = {"krb5kdc", "-n", "-r", realm().name()},
         .environment = {"KRB5_CONFIG=" + realm().krb5_conf_path().string(),
                         "KRB5_KDC_PROFILE=" + (folder / "kdc.conf").string(), "KRB5RCACHENAME=none:",
                         std::string("LD_PRELOAD=") + found.gl_pathv[0], "FAKETIME=+20m"},
         .log_file = (folder / "later-kdc.out").string()}));
    ::globfree(&found);
    const auto port = realm().kdc_port();
    for (int tries = 0; tries < 1000 && later.alive() && !is_listening(port, -1); ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    tell("clock-skew", container, {"--ticket"});
    EXPECT_EQ("EKEYREJECTED", refusal(ask(fields_for(container.tid(), kPodBase + kUser))));
    later.stop();
    must(realm().start_kdc());
}

TEST_F(Stories, UnknownSpn) {
    const auto container = must(Container::start(pod(must(realm().ticket("alice")).ccache)));
    tell("unknown-spn", container, {"--host", "files.lab.test", "--ticket"});
}

TEST_F(Stories, DnsInTheContainer) {
    auto spec = pod(must(realm().ticket("alice")).ccache);
    spec.net_namespace = true;  // where nothing answers at the name server's address
    spec.files.push_back({.path = "/etc/resolv.conf", .content = "nameserver 127.0.0.1\n"});
    auto& conf = spec.files.front().content;
    const auto address = conf.find("127.0.0.1:");
    ASSERT_NE(std::string::npos, address) << conf;
    conf.replace(address, conf.find('\n', address) - address, "kdc.lab.test");
    const auto container = must(Container::start(spec));
    tell("dns", container);
    EXPECT_EQ("EHOSTUNREACH", refusal(ask(fields_for(container.tid(), kPodBase + kUser))));
}

TEST_F(Stories, Reconnect) {
    const auto uid = unused_uid();
    tell("reconnect", {"--pid", std::to_string(kernel_thread()), "--uid", std::to_string(uid)}, 1);
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(kernel_thread(), uid))));
}

TEST_F(Stories, Forged) {
    // A user's own request_key(2), in the name of another's process.
    const auto container = must(Container::start(pod(must(realm().ticket("alice")).ccache)));
    const auto description = fields_for(container.tid(), kPodBase + kUser).description();
    const auto made = must(run_checked(
        {.argv = {
             "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "keyctl", "session", "-", "sh",
             "-c",
             "key=$(keyctl add user \"$0\" x @s) && keyctl setperm $key 0x3f010101 && keyctl link $key @u && "
             "echo key $key",
             description}}));
    std::smatch serial;
    ASSERT_TRUE(std::regex_search(made, serial, std::regex("key ([0-9]+)"))) << made;
    tell("forged", {"--key", serial[1]}, 1);
    (void)run_program({.argv = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "keyctl",
                                "unlink", serial[1], "@u"}});
}

}  // namespace
}  // namespace nsupcall::test
