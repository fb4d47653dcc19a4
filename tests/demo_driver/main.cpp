/// @file
/// The demonstration: three containers, three tokens from the running kernel, one refusal.
///
/// Exit status: 0 where everything came out as it should, 1 where not.

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <optional>

#include "support/container.hpp"
#include "support/key_request.hpp"
#include "support/must.hpp"
#include "support/realm.hpp"
#include "support/request_rule.hpp"
#include "support/token_check.hpp"

namespace {

using namespace nsupcall::test;

constexpr const char* kTheirHelper = "/usr/sbin/cifs.upcall";
/// The kernel tells the helper the server's address; here it says which helper shall answer.
constexpr const char* kOurAddress = "127.0.0.1";
constexpr const char* kTheirAddress = "127.0.0.2";

struct Scene {
    std::string title;
    std::string namespaces;
    std::string user;
    std::uint32_t host_uid;
    std::uint32_t inside_uid;
    ContainerSpec spec;
    int expected_errno = 0;
};

bool use_colour() {
    return ::isatty(STDOUT_FILENO) != 0 && std::getenv("NO_COLOR") == nullptr;
}

void step(const std::string& text) {
    fmt::print("{} {}\n", use_colour() ? "\033[1m==>\033[0m" : "==>", text);
    std::fflush(stdout);
}

std::string painted(const std::string& text, bool good) {
    return use_colour() ? fmt::format("\033[{}m{}\033[0m", good ? 32 : 31, text) : text;
}

/// A container in which the user exists and has its ticket, in the default place.
ContainerSpec container_of(const Realm& realm, const Ticket& ticket, std::string_view user,
                           std::uint32_t uid) {
    ContainerSpec spec;
    spec.uid = uid;
    spec.gid = uid;
    spec.files = {{.path = fmt::format("/tmp/krb5cc_{}", uid), .content = ticket.ccache, .mode = 0600},
                  {.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                  // For cifs-utils, which gives up on a user without an entry.
                  {.path = "/etc/passwd", .content = fmt::format("{0}:x:{1}:{1}::/:/bin/sh\n", user, uid)}};
    spec.files[0].uid = uid;
    spec.files[0].gid = uid;
    return spec;
}

std::vector<Scene> make_scenes(Realm& realm) {
    for (const char* user : {"alice", "bob", "carol", "dave"}) must(realm.add_user(user));
    std::vector<Scene> scenes;
    {
        const std::uint32_t uid = 61001;
        scenes.push_back({"own mount namespace", "mnt", "alice", uid, uid,
                          container_of(realm, must(realm.ticket("alice")), "alice", uid)});
    }
    {
        auto spec = container_of(realm, must(realm.ticket("bob")), "bob", 0);
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, 61002, 1}});
        scenes.push_back({"one-id user namespace", "mnt pid user", "bob", 61002, 0, std::move(spec)});
    }
    {
        const std::uint32_t base = 3392012288U;
        auto spec = container_of(realm, must(realm.ticket("carol")), "carol", 0);
        spec.pid_namespace = true;
        spec.user = UserNamespaceSpec::same({{0, base, 65536}});
        scenes.push_back({"ids above 2^31", "mnt pid user", "carol", base, 0, std::move(spec)});
    }
    {
        const std::uint32_t uid = 61004;
        auto spec = container_of(realm, must(realm.expired_ticket("dave")), "dave", uid);
        spec.pid_namespace = true;
        scenes.push_back({"expired ticket", "mnt pid", "dave", uid, uid, std::move(spec), EKEYEXPIRED});
    }
    return scenes;
}

std::string cell(const std::string& text, std::size_t width) {
    return fmt::format("{:<{}}", text, width);
}

void print_row(const std::string& title, const std::string& namespaces, const std::string& here,
               const std::string& inside, const std::string& helper, const std::string& answer) {
    fmt::print("{} {} {} {} {} {}\n", cell(title, 22), cell(namespaces, 13), cell(here, 11), cell(inside, 11),
               cell(helper, 11), answer);
    std::fflush(stdout);
}

/// What the service makes of the kernel's answer, in words; `good` where it is what the scene asks for.
std::string judge(const Realm& realm, const Scene& scene, const KeyAnswer& answer, bool& good) {
    good = false;
    if (answer.error != 0) {
        good = answer.error == scene.expected_errno;
        return fmt::format("{} after {} ms", nsutil::errno_name(answer.error), answer.elapsed.count());
    }
    constexpr std::size_t kPadding = 4;  // of cifs-utils
    const auto payload = parse_payload(answer.payload, kPadding);
    if (!payload) return payload.error().text();
    const auto accepted = accept_token(payload->blob, realm.service_keytab(), realm.krb5_conf_path());
    if (!accepted) return "a token that the server refuses: " + accepted.error().text();
    const bool same_key = accepted->session_key == payload->session_key;
    const bool right_client = accepted->client == realm.principal(scene.user);
    good = same_key && right_client && scene.expected_errno == 0;
    return fmt::format("token of {}: accepted by the server's keytab, session keys {} ({} ms)",
                       accepted->client, same_key ? "match" : "DIFFER", answer.elapsed.count());
}

KeyAnswer ask(const Realm& realm, const Scene& scene, const Container& container, const char* address) {
    UpcallFields fields;
    fields.host = realm.service_host();
    fields.address = fmt::format("ip4={}", address);
    fields.uid = scene.host_uid;
    fields.creduid = scene.host_uid;
    fields.pid = container.tid();
    return must(ask_kernel(fields.description()));
}

RequestRule rule(const Realm& realm, const char* address, const char* helper,
                 std::vector<std::string> arguments) {
    return must(RequestRule::install(
        {.description = fmt::format("ver=0x2;host={};ip4={};*", realm.service_host(), address),
         .program = helper,
         .arguments = std::move(arguments)}));
}

bool play(const Realm& realm, const Scene& scene, bool with_theirs) {
    const auto container = must(Container::start(scene.spec));
    bool good = false;
    const auto text = judge(realm, scene, ask(realm, scene, container, kOurAddress), good);
    print_row(scene.title, scene.namespaces, std::to_string(scene.host_uid), std::to_string(scene.inside_uid),
              "nsupcall", painted(text, good));
    // The ticket is in the container, and the host has none to confuse it with.
    const auto& ccache = scene.spec.files.at(0).path;
    if (std::filesystem::exists(ccache)) {
        fmt::print("{}\n",
                   painted(fmt::format("{} exists on the host: not a fair demonstration", ccache), false));
        good = false;
    }
    if (with_theirs) {
        bool as_well = false;
        const auto theirs = judge(realm, scene, ask(realm, scene, container, kTheirAddress), as_well);
        print_row("", "", "", "", "cifs-utils", painted(theirs, as_well));
    }
    return good;
}

int demonstrate() {
    utsname kernel{};
    (void)::uname(&kernel);
    auto realm = must(Realm::start());
    step(fmt::format("Realm {}: MIT KDC on 127.0.0.1:{}, service cifs/{}", realm.name(), realm.kdc_port(),
                     realm.service_host()));
    const auto scenes = make_scenes(realm);
    const auto ours = rule(realm, kOurAddress, NSUPCALL_HELPER_PATH, {"--test-type=cifs.spnego", "%k"});
    std::optional<RequestRule> theirs;
    if (::access(kTheirHelper, X_OK) == 0) theirs = rule(realm, kTheirAddress, kTheirHelper, {"%k"});
    step(fmt::format("Asking Linux {} for a token, for a process in each container", kernel.release));
    if (!theirs) step("cifs-utils is not installed here; with it, its answers would stand beside ours");
    fmt::print("\n");
    print_row("container", "namespaces", "uid here", "uid inside", "helper", "answer");
    bool all_good = true;
    for (const auto& scene : scenes) all_good = play(realm, scene, theirs.has_value()) && all_good;
    fmt::print("\n");
    step(all_good ? "All as it should be. The realm, the containers and the rules are gone again."
                  : "Not all as it should be.");
    return all_good ? 0 : 1;
}

}  // namespace

int main() {
    try {
        return demonstrate();
    } catch (const std::exception& failed) {
        fmt::print(stderr, "demo: {}\n", failed.what());
        return 1;
    }
}
