#include "bench/scenario.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "support/janitor.hpp"
#include "support/key_request.hpp"
#include "support/temp_dir.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;
using test::ContainerSpec;

constexpr std::uint32_t kGamesUid = 5, kGamesGid = 60;
constexpr std::uint32_t kFirstHostId = 3392012288U;  // as Kubernetes maps them: beyond 2^31
constexpr std::uint32_t kInsideUid = 1000;
constexpr int kCollectionSize = 50;

/// How a scenario's requester is made; what differs is filled in by make_scenario.
struct Recipe {
    std::string title;
    ContainerSpec spec{};
    std::uint32_t host_uid = kGamesUid;
    bool peers_can = true;
    std::vector<std::string> helper_options{}, peer_options{};
};

Recipe of_games(std::string title) {
    Recipe recipe;
    recipe.title = std::move(title);
    recipe.spec.uid = kGamesUid;
    recipe.spec.gid = kGamesGid;
    return recipe;
}

test::ContainerFile private_file(const ContainerSpec& spec, std::string path, std::string content) {
    return {.path = std::move(path),
            .content = std::move(content),
            .mode = 0600,
            .uid = spec.uid,
            .gid = spec.gid};
}

Result<Recipe> on_the_host(test::Realm& realm) {
    auto ticket = realm.ticket("alice", {.service_ahead = true});
    if (!ticket) return nsutil::propagate(ticket);
    auto recipe = of_games("cached ticket, host");
    recipe.spec.mount_namespace = false;
    const std::string path = fmt::format("/tmp/krb5cc_bench_{}", ::getpid());
    if (auto kept = test::remember_path(path); !kept) return nsutil::propagate(kept);
    if (auto written = test::write_file(path, ticket->ccache, 0600, kGamesUid, kGamesGid); !written)
        return nsutil::propagate(written);
    recipe.spec.environment = {"KRB5CCNAME=FILE:" + path};
    return recipe;
}

Result<Recipe> in_a_mount_namespace(test::Realm& realm, bool service_ahead) {
    auto ticket = realm.ticket("alice", {.service_ahead = service_ahead});
    if (!ticket) return nsutil::propagate(ticket);
    auto recipe = of_games(service_ahead ? "cached ticket, mount namespace" : "KDC asked, mount namespace");
    recipe.spec.files = {{.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                         private_file(recipe.spec, "/tmp/krb5cc_5", ticket->ccache)};
    // Read-only for its owner: the ticket that the KDC gives is not kept, and is asked for again.
    if (!service_ahead) recipe.spec.files.back().read_only_mount = true;
    return recipe;
}

Result<Recipe> in_a_user_namespace(test::Realm& realm) {
    auto ticket = realm.ticket("alice", {.service_ahead = true});
    if (!ticket) return nsutil::propagate(ticket);
    Recipe recipe;
    recipe.title = "cached ticket, user namespace";
    recipe.peers_can = false;
    recipe.spec.user = test::UserNamespaceSpec::same({{0, kFirstHostId, 65536}});
    recipe.spec.uid = recipe.spec.gid = kInsideUid;
    recipe.host_uid = kFirstHostId + kInsideUid;
    recipe.spec.files = {{.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                         private_file(recipe.spec, "/tmp/krb5cc_1000", ticket->ccache)};
    return recipe;
}

/// 50 caches, of which the one that `primary` names serves.
Result<Recipe> with_a_collection(test::Realm& realm) {
    auto recipe = of_games("DIR collection of 50, mount namespace");
    auto tgt_only = realm.ticket("alice");
    if (!tgt_only) return nsutil::propagate(tgt_only);
    auto serving = realm.ticket("alice", {.service_ahead = true});
    if (!serving) return nsutil::propagate(serving);
    recipe.spec.files = {{.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                         private_file(recipe.spec, "/tmp/caches/primary", "tkt49\n")};
    for (int at = 0; at < kCollectionSize; ++at)
        recipe.spec.files.push_back(
            private_file(recipe.spec, fmt::format("/tmp/caches/tkt{}", at),
                         at == kCollectionSize - 1 ? serving->ccache : tgt_only->ccache));
    recipe.spec.environment = {"KRB5CCNAME=DIR:/tmp/caches"};
    return recipe;
}

/// No ccache: the host's keytab is used, which asks the KDC twice.
Result<Recipe> with_a_keytab(test::Realm& realm) {
    auto recipe = of_games("keytab of the host, mount namespace");
    auto keytab = realm.keytab_of("alice");
    if (!keytab) return nsutil::propagate(keytab);
    const std::string path = (realm.folder() / "bench.keytab").string();
    if (auto written = test::write_file(path, *keytab); !written) return nsutil::propagate(written);
    recipe.spec.files = {{.path = "/etc/krb5.conf", .content = realm.krb5_conf()},
                         {.path = path, .content = *keytab, .mode = 0600}};
    recipe.helper_options = {"-K", path};
    recipe.peer_options = {"-K", path};
    return recipe;
}

Result<Recipe> recipe_for(std::string_view name, test::Realm& realm) {
    if (name == "host") return on_the_host(realm);
    if (name == "mount-namespace") return in_a_mount_namespace(realm, true);
    if (name == "user-namespace") return in_a_user_namespace(realm);
    if (name == "kdc") return in_a_mount_namespace(realm, false);
    if (name == "collection") return with_a_collection(realm);
    if (name == "keytab") return with_a_keytab(realm);
    return nsutil::fail(EINVAL, "no such scenario: " + std::string(name));
}

}  // namespace

std::string Scenario::description(const test::Realm& realm, const std::string& address) const {
    test::UpcallFields fields;
    fields.host = realm.service_host();
    fields.address = address;
    fields.uid = fields.creduid = host_uid;
    fields.user = name == "keytab" ? "alice" : "root";
    fields.pid = container.tid();
    return fields.description();
}

std::vector<std::string> scenario_names() {
    return {"host", "mount-namespace", "user-namespace", "kdc", "collection", "keytab"};
}

Result<Scenario> make_scenario(std::string_view name, test::Realm& realm) {
    auto recipe = recipe_for(name, realm);
    if (!recipe) return nsutil::propagate(recipe, name);
    auto container = test::Container::start(recipe->spec);
    if (!container) return nsutil::propagate(container, name);
    return Scenario{.name = std::string(name),
                    .title = std::move(recipe->title),
                    .peers_can = recipe->peers_can,
                    .container = std::move(*container),
                    .host_uid = recipe->host_uid,
                    .helper_options = std::move(recipe->helper_options),
                    .peer_options = std::move(recipe->peer_options)};
}

}  // namespace nsupcall::bench
