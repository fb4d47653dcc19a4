/// @file
/// Tickets in podman's containers: each kind of container, each place where a ticket may be.

#include "container/podman_fixture.hpp"

namespace nsupcall::test {
namespace {

TEST_P(PodmanRun, DefaultName_IsFound_AndTheContainerIsNamed) {
    start("one");
    must(podman().put("one", "/tmp/krb5cc_" + inside_uid("one"), ticket("alice").ccache));
    (void)expect_token(ask(request_of("one")), "alice");
    expect_named(logged(), "one", GetParam().has_cgroup);
}

TEST_P(PodmanRun, Krb5ccname_IsFound) {
    start("one", {"--env=KRB5CCNAME=FILE:/var/tmp/mine"});
    must(podman().put("one", "/tmp/krb5cc_" + inside_uid("one"), ticket("bob").ccache));
    must(podman().put("one", "/var/tmp/mine", ticket("alice").ccache));
    (void)expect_token(ask(request_of("one")), "alice");
}

TEST_P(PodmanRun, MountedSecret_IsFound) {
    // keep-id runs the container as the user who starts it.
    const bool keep_id = std::string_view(GetParam().name) == "RootlessKeepId";
    (void)must(podman().run({"secret", "create", "ticket", host_file("ticket", ticket("alice").ccache)}));
    start("one", {"--env=KRB5CCNAME=FILE:/run/secrets/ticket",
                  fmt::format("--secret=ticket,type=mount,mode=0400,uid={}", keep_id ? 5990 : 0)});
    (void)expect_token(ask(request_of("one")), "alice");
}

TEST_P(PodmanRun, Reconnect_IsAnsweredAsWhoItWas) {
    start("one", {"--env=KRB5CCNAME=FILE:/var/tmp/mine"});
    must(podman().put("one", "/var/tmp/mine", ticket("alice").ccache));
    auto fields = request_of("one");
    (void)expect_token(ask(fields), "alice");
    fields.pid = kernel_thread();
    (void)logged();
    (void)expect_token(ask(fields), "alice");
    if (GetParam().has_cgroup) {
        const auto log = logged();
        EXPECT_NE(std::string::npos, log.find("container " + must(podman().id_of("one")).substr(0, 12)))
            << log;
    }
    // The container started again is another one, whatever numbers its namespaces get.
    (void)must(podman().run({"restart", "--time=0", "one"}));
    EXPECT_EQ("ENOKEY", refusal(ask(fields)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, PodmanRun, podman_kinds(), name_of_kind);

TEST_F(PodmanPlayKube, HostPath_IsFound_AndTheContainerIsNamed) {
    const auto folder = fs::path(podman().folder()) / "tickets";
    fs::create_directories(folder);
    must(write_file(folder / "ccache", ticket("alice").ccache, 0600));
    play(fmt::format("hostPath: {{path: {}, type: Directory}}", folder.string()));
    (void)expect_token(ask(request_of("pod-app")), "alice");
    expect_named(logged(), "pod-app", true);
}

TEST_F(PodmanPlayKube, SecretVolume_IsFound_AndTheContainerIsNamed) {
    // podman 4.3 keeps the base64 of a Secret's `data` as it is; of YAML's own !!binary it makes bytes, as
    // Kubernetes does of both. It also wants to be told that the secret is not optional.
    const auto secret = host_file("secret.yaml", "apiVersion: v1\nkind: Secret\ndata:\n  ccache: !!binary " +
                                                     base64(ticket("alice").ccache) + "\n");
    (void)must(podman().run({"secret", "create", "ticket", secret}));
    play("secret: {secretName: ticket, optional: false}");
    (void)expect_token(ask(request_of("pod-app")), "alice");
    expect_named(logged(), "pod-app", true);
}

}  // namespace
}  // namespace nsupcall::test
