#pragma once
/// @file
/// The fixtures of the tests with podman's containers.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "container/podman.hpp"
#include "integration/session_support.hpp"

namespace nsupcall::test {

namespace fs = std::filesystem;

/// One way of running a container.
struct Kind {
    const char* name;
    bool rootless;
    std::vector<std::string> options;
    bool has_cgroup;  ///< rootless podman's containers have no control group of their own
};

inline void PrintTo(const Kind& kind, std::ostream* out) {
    *out << kind.name;
}

class PodmanTest : public SessionTest {
  protected:
    static void SetUpTestSuite() {
        SessionTest::SetUpTestSuite();
        for (const bool rootless : {false, true}) {
            podmans_.emplace(rootless, Podman(rootless));
            must(podmans_.at(rootless).import_base());
        }
    }
    static void TearDownTestSuite() {
        for (const auto& [rootless, podman] : podmans_) podman.remove_all();
        podmans_.clear();
        SessionTest::TearDownTestSuite();
    }
    void TearDown() override {
        if (podman_ != nullptr) podman_->remove_all();
        SessionTest::TearDown();
    }

    void use_podman(bool rootless) { podman_ = &podmans_.at(rootless); }
    [[nodiscard]] const Podman& podman() const { return *podman_; }

    /// A file that podman's user may read, for `podman run`.
    std::string host_file(const std::string& name, const std::string& content) {
        const auto path = fs::path(podman().folder()) / name;
        must(write_file(path, content, 0644));
        return path.string();
    }

    static Ticket ticket(std::string_view user) {
        return must(realm().ticket(user, {.service_ahead = true}));
    }

    /// The kernel's request for the container's first process, as the user that it runs as.
    UpcallFields request_of(const std::string& container) {
        const pid_t pid = must(podman().process_of(container));
        const auto status = must(must(nsutil::Task::open(pid)).status());
        auto fields = fields_for(pid, status.uids.real);
        fields.user = "root";
        return fields;
    }

    /// The log names the container; where it has no control group, its mounts tell.
    void expect_named(const std::string& log, const std::string& container, bool has_cgroup) {
        const auto word =
            "container " + must(podman().id_of(container)) + (has_cgroup ? "" : " (by its mounts)");
        EXPECT_NE(std::string::npos, log.find(word)) << word << " is not in: " << log;
    }

  private:
    inline static std::map<bool, Podman> podmans_;
    const Podman* podman_ = nullptr;
};

class PodmanRun : public PodmanTest, public testing::WithParamInterface<Kind> {
  protected:
    void SetUp() override {
        PodmanTest::SetUp();
        use_podman(GetParam().rootless);
    }

    /// Starts a container of the kind.
    void start(const std::string& name, const std::vector<std::string>& more = {}) {
        std::vector<std::string> arguments = {
            "run", "--detach", "--name=" + name,
            "--volume=" + host_file("krb5.conf", realm().krb5_conf()) + ":/etc/krb5.conf:ro"};
        arguments.insert(arguments.end(), GetParam().options.begin(), GetParam().options.end());
        arguments.insert(arguments.end(), more.begin(), more.end());
        arguments.insert(arguments.end(), {Podman::kImage, "sleep", "1000"});
        (void)must(podman().run(arguments));
    }

    std::string inside_uid(const std::string& name) {
        const auto text = must(podman().run({"exec", name, "id", "-u"}));
        return text.substr(0, text.find('\n'));
    }
};

/// Rootful, rootful with ids of their own, and rootless.
inline auto podman_kinds() {
    return testing::Values(
        Kind{"Rootful", false, {"--network=host"}, true},
        Kind{"Uidmap", false, {"--network=host", "--uidmap=0:200000:65536", "--gidmap=0:200000:65536"}, true},
        Kind{"UsernsAuto", false, {"--network=none", "--userns=auto:size=65534"}, true},
        Kind{"Rootless", true, {"--network=host"}, false},
        Kind{"RootlessKeepId", true, {"--network=host", "--userns=keep-id"}, false});
}
inline std::string name_of_kind(const testing::TestParamInfo<Kind>& kind) {
    return kind.param.name;
}

class PodmanPlayKube : public PodmanTest {
  protected:
    void SetUp() override {
        PodmanTest::SetUp();
        use_podman(false);
    }

    /// Plays a pod of one container, `pod-app`, with a volume `ticket` at /secrets and the realm's krb5.conf.
    /// @param volume  the YAML that says what the volume is, in one line
    void play(const std::string& volume) {
        const auto pod = fmt::format(R"(apiVersion: v1
kind: Pod
metadata:
  name: pod
spec:
  hostNetwork: true
  containers:
  - name: app
    image: {}
    imagePullPolicy: Never
    command: ["sleep", "1000"]
    env:
    - name: KRB5CCNAME
      value: FILE:/secrets/ccache
    volumeMounts:
    - name: ticket
      mountPath: /secrets
    - name: config
      mountPath: /etc/krb5.conf
  volumes:
  - name: ticket
    {}
  - name: config
    hostPath: {{path: {}, type: File}}
)",
                                     Podman::kImage, volume, host_file("krb5.conf", realm().krb5_conf()));
        (void)must(podman().run({"play", "kube", host_file("pod.yaml", pod)}));
    }
};

}  // namespace nsupcall::test
