/// @file
/// The Kubernetes examples (k8s/examples) in podman's containers, through the running kernel: the driver's
/// stand-in writes what the driver writes, the examples' own pods run, and the kernel asks as cifs.ko does
/// for each of them.

#include <fmt/format.h>
#include <sys/stat.h>

#include <cstdlib>
#include <future>
#include <nlohmann/json.hpp>
#include <thread>

#include "container/podman.hpp"
#include "integration/session_support.hpp"
#include "support/process.hpp"
#include "support/skip.hpp"

namespace nsupcall::test {
namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kReserved = 990001, kReservedGmsa = 990002;
constexpr const char *kImage = "localhost/nsupcall-k8s:test", *kSidecar = "localhost/kinit-sidecar:1";
constexpr const char *kKubelet = "/var/lib/kubelet", *kTickets = "/var/lib/kubelet/kerberos";

/// The kubelet's folder of this machine, which the helper looks into when it answers on the node.
class KubeletFolder {
  public:
    KubeletFolder() {
        if (fs::exists(kKubelet) && !fs::exists(kMark)) return;
        fs::remove_all(kKubelet);  // what a killed run left
        fs::create_directories(kTickets);
        must(write_file(kMark, "", 0600));
        ours_ = true;
    }
    ~KubeletFolder() {
        std::error_code ignored;
        if (ours_) fs::remove_all(kKubelet, ignored);
    }
    KubeletFolder(const KubeletFolder&) = delete;
    KubeletFolder& operator=(const KubeletFolder&) = delete;
    [[nodiscard]] bool ours() const { return ours_; }

  private:
    static constexpr const char* kMark = "/var/lib/kubelet/of-nsupcall-tests";
    bool ours_ = false;
};

std::string replaced(std::string text, std::string_view from, std::string_view to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
        text.replace(at, from.size(), to);
    return text;
}

class K8sPods : public SessionTest {
  protected:
    static void SetUpTestSuite() {
        SessionTest::SetUpTestSuite();
        podman_ = std::make_unique<Podman>(false);
        const char* base = std::getenv("NSUPCALL_K8S_BASE");
        ASSERT_NE(nullptr, base) << "to be started by tests/k8s/pods";
        (void)must(podman().run({"import", "--change", "CMD=/bin/sh", "--change",
                                 "ENV PATH=/usr/local/bin:/usr/bin:/bin", base, kImage}));
        (void)must(
            podman().run({"build", "--from", kImage, "--pull=never", "--network=none", "--layers=false",
                          "--tag", kSidecar, std::string(NSUPCALL_EXAMPLES) + "/2-pod-identity/sidecar"}));
    }
    static void TearDownTestSuite() {
        if (podman_) podman_->remove_all();
        podman_.reset();
        SessionTest::TearDownTestSuite();
    }

    void SetUp() override {
        SessionTest::SetUp();
        kubelet_.emplace();
        if (!kubelet_->ours()) NSUPCALL_SKIP("this machine has a kubelet of its own");
        lab_ = fs::path(podman().folder()) / "lab";
        answers_ = fs::path(podman().folder()) / "answers";
        for (const auto& folder : {lab_, answers_, node()}) fs::create_directories(folder);
        // svc-smb, alice and svc-reports are alice here; bob, svc-archive and the gMSA are bob.
        (void)must(run_checked({.argv = {NSUPCALL_LAB, lab_, host(), realm().name(), "alice", "alice", "bob",
                                         "alice", "bob", "bob"},
                                .environment = {"LC_ALL=C"}}));
    }
    void TearDown() override {
        relays_.clear();
        podman().remove_all();
        kubelet_.reset();
        for (const auto& folder : {lab_, answers_, node()}) fs::remove_all(folder);
        SessionTest::TearDown();
    }

    [[nodiscard]] static const Podman& podman() { return *podman_; }
    [[nodiscard]] static fs::path node() { return fs::path(podman_->folder()) / "node"; }

    /// The example's own rules answer from here on, with the test's folder in place of one of the node's.
    void use_rules(const std::string& example, std::string_view from, const std::string& to) {
        const auto file = folder() / "rules.conf";
        const auto rules = must(read_file(lab_ / example / "rules.conf"));
        ASSERT_NE(std::string::npos, rules.find(from)) << rules;
        must(write_file(file, replaced(rules, from, to), 0644));
        remember_in(folder() / "run" / "sessions",
                    {"--config=" + file.string(), "--krb5conf=" + realm().krb5_conf_path().string()});
    }
    void use_keytab_rules(const std::string& example, const std::string& keytab) {
        must(write_file(folder() / "smb.keytab", keytab, 0600));
        use_rules(example, "/run/nsupcall-keytabs", folder().string());
    }

    void start_driver() {
        (void)must(
            podman().run({"run", "--detach", "--name=driver", "--privileged", "--network=host",
                          fmt::format("--volume={0}:{0}", kKubelet), "--volume=" + lab_.string() + ":/csi:ro",
                          "--volume=" + answers_.string() + ":/answers", "--env=MOUNT=mount-and-wait", kImage,
                          "sleep", "1000"}));
    }

    /// NodeStageVolume. While the driver's `mount` waits, the kernel asks for it.
    KeyAnswer stage(const std::string& volume, UpcallFields fields, std::string* arguments = nullptr) {
        auto staging = std::async(std::launch::async, [&] {
            return podman().run(
                {"exec", "driver", "sh", "-c", "bash /csi/node-plugin stage </csi/" + volume + ".json"});
        });
        for (int waited = 0; !fs::exists(answers_ / "asked") && waited < 1000; ++waited) {
            if (staging.wait_for(std::chrono::milliseconds(10)) == std::future_status::ready) {
                (void)must(staging.get());  // throws what the driver said
                break;
            }
        }
        const auto asked = must(read_file(answers_ / "asked"));
        if (arguments != nullptr) *arguments = asked;
        fields.pid = process_in("driver", "mount-and-wait");
        const auto answer = ask(fields);
        must(write_file(answers_ / "go", "", 0644));
        (void)must(staging.get());
        return answer;
    }

    static pid_t process_in(const std::string& container, const std::string& name) {
        const auto all = must(podman().run({"top", container, "hpid", "args"}));
        const auto at = all.find(name);
        if (at == std::string::npos) throw std::runtime_error(name + " is not in " + all);
        return static_cast<pid_t>(std::strtol(all.c_str() + all.rfind('\n', at) + 1, nullptr, 10));
    }

    /// Runs the pod of a Deployment of the example.
    /// @param more     further objects in YAML: what the README makes with kubectl
    /// @param options  of playable
    /// @param podman_options  of `podman play kube`
    void play(const std::string& example, const std::string& name, const std::string& more,
              const std::vector<std::string>& options, const std::vector<std::string>& podman_options) {
        const auto objects = lab_ / (name + ".yaml"), pod = lab_ / (name + ".json"),
                   told = lab_ / (name + ".told");
        must(write_file(objects, must(read_file(lab_ / example / "objects.yaml")) + "\n---\n" + more, 0600));
        Command command = {
            .argv = {"sh", "-c", R"("$0" "$@" <"$OBJECTS" >"$POD" 2>"$TOLD" || { cat "$TOLD"; exit 1; })",
                     NSUPCALL_PLAYABLE, "Deployment/" + name, "--node", node(), "--image",
                     std::string("busybox:1.36=") + kImage, "--image",
                     std::string("kinit-sidecar:1=") + kSidecar},
            .environment = {"OBJECTS=" + objects.string(), "POD=" + pod.string(), "TOLD=" + told.string()}};
        command.argv.insert(command.argv.end(), options.begin(), options.end());
        (void)must(run_checked(command));
        fmt::print("{}", must(read_file(told)));
        std::vector<std::string> arguments = {"play", "kube"};
        arguments.insert(arguments.end(), podman_options.begin(), podman_options.end());
        arguments.push_back(pod);
        (void)must(podman().run(arguments));
    }

    /// The same, with a user namespace and a network of its own, from which the realm's KDC can be reached.
    void play_with_own_users(const std::string& example, const std::string& name, const std::string& more) {
        play(example, name, more, {}, {"--userns=auto", "--network=none", "--start=false"});
        auto infra = must(podman().run({"pod", "inspect", "--format", "{{.InfraContainerID}}", name}));
        infra.resize(infra.find('\n'));
        (void)must(podman().run({"start", infra}));
        const auto port = realm().kdc_port();
        relays_.push_back(must(Daemon::start(
            {.argv = {"nsenter", fmt::format("--net=/proc/{}/ns/net", must(podman().process_of(infra))),
                      "socat", fmt::format("TCP-LISTEN:{},bind=127.0.0.1,fork,reuseaddr", port),
                      fmt::format("EXEC:nsenter --net=/proc/{}/ns/net socat STDIO TCP\\:127.0.0.1\\:{}",
                                  ::getpid(), port)},
             .log_file = folder() / ("relay-" + name)})));
        (void)must(podman().run({"pod", "start", name}));
    }

    [[nodiscard]] UpcallFields mount_by_root(std::uint32_t creduid, const std::string& user = "root") const {
        auto fields = fields_for(0, 0);
        fields.creduid = creduid;
        fields.user = user;
        return fields;
    }
    /// The same request, by a kernel thread.
    [[nodiscard]] static UpcallFields by_kernel(UpcallFields fields) {
        fields.pid = kernel_thread();
        return fields;
    }

    fs::path lab_, answers_;

  private:
    inline static std::unique_ptr<Podman> podman_;
    std::optional<KubeletFolder> kubelet_;
    std::vector<Daemon> relays_;
};

TEST_F(K8sPods, Keytab_ServesDriverAndPodsAndReconnects) {
    use_keytab_rules("1", must(realm().keytab_of("alice")));
    start_driver();
    std::string arguments;
    const auto fields = mount_by_root(kReserved);
    (void)expect_token(stage("1/smb-example-1", fields, &arguments), "alice");
    EXPECT_EQ(0U, arguments.find("-t cifs -o sec=krb5,cruid=990001,vers=3.1.1,")) << arguments;
    EXPECT_NE(std::string::npos,
              arguments.find(" //" + host() + "/data /var/lib/kubelet/plugins/kubernetes.io/csi/"))
        << arguments;
    // The driver's layout: docs/CSI.md.
    const auto link = fs::path(kTickets) / "krb5cc_990001";
    struct stat info = {};
    ASSERT_EQ(0, ::stat(link.c_str(), &info));
    EXPECT_EQ(kReserved, info.st_uid);
    EXPECT_EQ(0700U, info.st_mode & 0777U);
    EXPECT_EQ("keytab", must(read_file(link)));
    EXPECT_EQ("ZmlsZXMuZXhhbXBsZS5jb20vZGF0YSNleGFtcGxlLTE=", fs::read_symlink(link).filename());

    play("1", "writer", {}, {"--host-network"}, {});
    auto of_pod = fields;
    of_pod.pid = must(podman().process_of("writer-app"));
    (void)expect_token(ask(of_pod), "alice");
    // With an id of its own the pod gets nothing of the node's.
    EXPECT_EQ("ENOKEY", refusal(ask(fields_for(of_pod.pid, 1000))));
    (void)must(podman().run({"rm", "--force", "--time=0", "driver"}));
    (void)expect_token(ask(by_kernel(fields)), "alice");
}

TEST_F(K8sPods, PodIdentity_EachPodItsOwn) {
    use_rules("2", "/run/nsupcall-keytabs", folder().string());
    remember_in(folder() / "run" / "sessions", {"--config=" + (folder() / "rules.conf").string()});
    const auto volume = nlohmann::json::parse(must(read_file(lab_ / "2/smb-example-2.json")));
    fs::create_directories(node().string() + volume.at("staging_target_path").get<std::string>());
    (void)must(run_checked({.argv = {"chmod", "-R", "a+rwX", node()}}));
    std::map<std::string, UpcallFields> requests;
    for (const std::string user : {"alice", "bob"}) {
        const auto secret = fmt::format("kind: Secret\nmetadata: {{name: keytab-{}}}\ndata: {{keytab: {}}}\n",
                                        user, base64(must(realm().keytab_of(user))));
        // Later objects of a name win: the realm's krb5.conf in place of the one that wants DNS; the relay
        // speaks TCP.
        nlohmann::json config = {
            {"kind", "ConfigMap"},
            {"metadata", {{"name", "krb5-conf"}}},
            {"data", {{"krb5.conf", realm().krb5_conf("    udp_preference_limit = 1\n")}}}};
        play_with_own_users("2", user, secret + "---\n" + config.dump() + "\n");
        // The example's startup probe.
        for (int tries = 0; !podman().run({"exec", user + "-ticket", "klist", "-s", "-c", "FILE:/ticket/cc"});
             ++tries) {
            ASSERT_LT(tries, 50) << podman().run({"logs", user + "-ticket"}).value_or("");
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        const pid_t pid = must(podman().process_of(user + "-app"));
        const auto status = must(must(nsutil::Task::open(pid)).status());
        EXPECT_GT(status.uids.real, 65536U) << "not a user of the pod's own";
        auto fields = fields_for(pid, status.uids.real);
        fields.user = "root";
        requests.emplace(user, fields);
    }
    EXPECT_NE(requests.at("alice").creduid, requests.at("bob").creduid);
    for (const auto& [user, fields] : requests) (void)expect_token(ask(fields), user);
    for (const auto& [user, fields] : requests) (void)expect_token(ask(by_kernel(fields)), user);
}

TEST_F(K8sPods, Gmsa_TicketOfTheNodeIsLent) {
    const auto leases = folder() / "krbdir";
    fs::create_directories(leases / "lease" / "bob");
    must(write_file(leases / "lease" / "bob" / "krb5cc", must(realm().ticket("bob", {})).ccache, 0600));
    use_rules("3", "/var/credentials-fetcher/krbdir", leases.string());
    start_driver();
    const auto fields = mount_by_root(kReservedGmsa, realm().principal("bob"));
    (void)expect_token(stage("3/smb-example-3", fields), "bob");
    (void)expect_token(ask(by_kernel(fields)), "bob");
    // Another account's name, and no name: not what the rule is for.
    EXPECT_EQ("ENOKEY", refusal(ask(by_kernel(mount_by_root(kReservedGmsa, realm().principal("alice"))))));
}

TEST_F(K8sPods, TwoPrincipals_OneCruid_UsernameDecides) {
    use_keytab_rules("4", must(realm().keytab_of("alice")));
    const std::map<std::string, std::string> volumes = {{"alice", "4/smb-example-4-reports"},
                                                        {"bob", "4/smb-example-4-archive"}};
    // The secrets hold a ticket each; only alice has a keytab as well.
    for (const auto& [user, volume] : volumes) {
        auto request = nlohmann::json::parse(must(read_file(lab_ / (volume + ".json"))));
        request["secrets"]["krb5cc_990001"] = base64(must(realm().ticket(user, {})).ccache);
        must(write_file(lab_ / (volume + ".json"), request.dump(), 0600));
    }
    start_driver();
    for (const auto& [user, volume] : volumes)
        (void)expect_token(stage(volume, mount_by_root(kReserved, realm().principal(user))), user);
    // The link leads to bob's, the last one; alice's is found all the same, and by whoever asks.
    (void)must(podman().run({"rm", "--force", "--time=0", "driver"}));
    for (const auto& [user, volume] : volumes)
        (void)expect_token(ask(by_kernel(mount_by_root(kReserved, realm().principal(user)))), user);
    EXPECT_EQ("ENOKEY", refusal(ask(by_kernel(mount_by_root(kReserved, realm().principal("nobody"))))));
}

}  // namespace
}  // namespace nsupcall::test
