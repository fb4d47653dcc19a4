#include "bench/scenario.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "bench/token_problem.hpp"
#include "support/janitor.hpp"
#include "support/key_request.hpp"
#include "support/temp_dir.hpp"
#include "support/test_engine.hpp"

namespace nsupcall::bench {
namespace {

using nsutil::Result;
using test::ContainerSpec;

constexpr std::uint32_t kGamesUid = 5, kGamesGid = 60;
constexpr std::uint32_t kFirstHostId = 3392012288U;  // as Kubernetes maps them: beyond 2^31
constexpr std::uint32_t kInsideUid = 1000;
constexpr int kCollectionSize = 50;
constexpr std::uint32_t kMappedId = 7001, kRid = 1103;

/// How a scenario's requester is made; what differs is filled in by make_scenario.
struct Recipe {
    std::string title;
    ContainerSpec spec{};
    std::uint32_t host_uid = kGamesUid;
    std::vector<std::string> helper_options{}, peer_options{};
    bool is_declined = false;
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
    recipe.is_declined = true;
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

/// "os:S-1-5-21-<process>-<number>-7-"
std::string id_domain(unsigned number) {
    return fmt::format("os:S-1-5-21-{}-{}-7-", ::getpid(), number);
}

std::string callout_of(unsigned number) {
    return fmt::format("nsupcall-bench-{}-{}", ::getpid(), number);
}

Result<Scenario> by_map_file(const test::Realm& realm) {
    const auto path = realm.folder() / "idmap";
    std::string map;
    constexpr unsigned kSides = 9;
    for (unsigned number = 0; number <= kSides; ++number)
        map += fmt::format("user {}{} {}\n", id_domain(number).substr(3), kRid, kMappedId);
    if (auto written = test::write_file(path, map, 0644); !written) return nsutil::propagate(written);
    return Scenario{.name = "idmap",
                    .title = "id of a SID, map file",
                    .what = What::id,
                    .helper_options = {"--map-file=" + path.string()}};
}

}  // namespace

Question Scenario::question(const test::Realm& realm, unsigned number) const {
    if (what == What::id) return {.description = fmt::format("{}{}", id_domain(number), kRid)};
    if (what == What::name) return {"dns_resolver", "localhost", callout_of(number)};
    test::UpcallFields fields;
    fields.host = realm.service_host();
    fields.address = Side::address_of(number);
    fields.uid = fields.creduid = host_uid;
    fields.user = name == "keytab" ? "alice" : "root";
    fields.pid = container ? container->tid() : ::getpid();
    return {.description = fields.description()};
}

RulePattern Scenario::pattern(const test::Realm& realm, unsigned number) const {
    if (what == What::id) return {.description = id_domain(number) + "*"};
    if (what == What::name) return {"dns_resolver", "localhost", callout_of(number)};
    return Side::token_pattern(realm.service_host(), number);
}

std::vector<SideSpec> Scenario::sides(const std::vector<SideSpec>& of_tokens) const {
    std::vector<SideSpec> sides;
    for (auto side : of_tokens) {
        if (what == What::id) {
            // Neither the engine nor cifs-utils knows a map file.
            if (side.kind == SideKind::our_engine || side.kind == SideKind::theirs) continue;
            if (side.kind == SideKind::our_helper) {
                side.program = NSUPCALL_IDMAP_HELPER_PATH;
                side.arguments = {"--test-type=cifs.idmap", "%k"};
            }
        }
        if (what == What::name && side.ours()) side.arguments = {"%k"};
        if (is_declined && side.kind == SideKind::our_engine) side.program = test::front_path();
        side.add_options(side.ours() ? helper_options : peer_options);
        sides.push_back(std::move(side));
    }
    return sides;
}

std::string Scenario::problem_of(const std::string& payload, const test::Realm& realm) const {
    if (what == What::id) {
        std::uint32_t id = 0;
        if (payload.size() == sizeof id) std::memcpy(&id, payload.data(), sizeof id);
        return id == kMappedId ? "" : "not the id of the map file";
    }
    if (what == What::name)
        return payload.find("127.0.0.1") != std::string::npos || payload.find("::1") != std::string::npos
                   ? ""
                   : "not localhost's address";
    return problem_of_token(payload, realm, "alice");
}

std::vector<std::string> scenario_names() {
    return {"host", "mount-namespace", "user-namespace", "kdc", "collection", "keytab", "idmap", "dns"};
}

Result<Scenario> make_scenario(std::string_view name, test::Realm& realm) {
    if (name == "idmap") return by_map_file(realm);
    if (name == "dns")
        return Scenario{
            .name = "dns", .title = "name of a host, hosts file", .what = What::name, .is_declined = true};
    auto recipe = recipe_for(name, realm);
    if (!recipe) return nsutil::propagate(recipe, name);
    auto container = test::Container::start(recipe->spec);
    if (!container) return nsutil::propagate(container, name);
    return Scenario{.name = std::string(name),
                    .title = std::move(recipe->title),
                    .container = std::move(*container),
                    .host_uid = recipe->host_uid,
                    .helper_options = std::move(recipe->helper_options),
                    .peer_options = std::move(recipe->peer_options),
                    .is_declined = recipe->is_declined};
}

}  // namespace nsupcall::bench
